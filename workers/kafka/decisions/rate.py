"""How fast a counter rises."""

from collections import deque

SECONDS = 10.0


class Rate:
    """Counts per second, over about the last `SECONDS`, of a counter that begins at 0."""

    def __init__(self, now: float) -> None:
        self._samples = deque([(now, 0)])

    def sampled(self, count: int, now: float) -> float:
        """Add a sample of the counter, and return its rate."""
        self._samples.append((now, count))
        # One older sample stays, so that the rate covers the whole interval.
        while self._samples[1][0] <= now - SECONDS:
            self._samples.popleft()
        then, counted = self._samples[0]
        return (count - counted) / (now - then) if now > then else 0.0
