"""How the steps of a workflow run. A gateway's setting decides it, and the workflow's input carries it."""

from enum import StrEnum


class StepMode(StrEnum):
    """What a step is to Temporal. It does the same in either mode."""

    ACTIVITY = "activity"
    """An activity: its times, attempts and errors are shown."""
    LOCAL = "local"
    """First one attempt as a local activity, which is a single event; an activity only if that attempt fails."""
