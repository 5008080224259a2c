"""The command line of one benchmark."""

import argparse
import textwrap


def options_parser(benchmark: str, description: str) -> argparse.ArgumentParser:
    """A parser whose `--help` begins with `description`, line breaks as they are, and shows every default."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks {benchmark}", description=description, formatter_class=_Help
    )


def positive(text: str) -> int:
    """A whole number from 1 up, for `type=`."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Add the default, unless the text names it already."""
        text = action.help or ""
        return text if "(default: " in text else super()._get_help_string(action)

    def _split_lines(self, text: str, width: int) -> list[str]:
        """Break lines at spaces only: the names of rows and systems have hyphens."""
        return textwrap.wrap(text, width, break_on_hyphens=False)
