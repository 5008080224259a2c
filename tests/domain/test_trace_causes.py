"""To which trace a unit of work belongs."""

from domain.dead_letter import Header, without_redrive_headers
from domain.inbox import Batch, Message
from domain.traces import MAX_LINKS, Cause, read_trace, trace_headers

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SAME_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
OTHER = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b9-01 vendor=1,other=2"


def test_work_for_one_message_continues_its_trace() -> None:
    assert Cause.of([None, ONE, ONE]) == Cause(ONE)


def test_work_for_messages_of_one_trace_continues_it_and_links_the_others() -> None:
    assert Cause.of([ONE, SAME_TRACE]) == Cause(ONE, (SAME_TRACE,))


def test_work_for_messages_of_several_traces_links_them_all() -> None:
    assert Cause.of([ONE, OTHER, SAME_TRACE]) == Cause(None, (ONE, OTHER, SAME_TRACE))


def test_links_are_bounded() -> None:
    many = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 1_000)]
    assert len(Cause.of(many).links) == MAX_LINKS
    assert len(Cause.of([ONE, *many]).later().links) == MAX_LINKS


def test_what_a_timer_does_later_links_the_trace_that_set_it() -> None:
    assert Cause(ONE, (SAME_TRACE,)).later() == Cause(None, (ONE, SAME_TRACE))


def test_a_text_that_is_no_context_causes_nothing() -> None:
    assert not Cause.of(["", "Rumpelstilz", ONE.upper(), None])


def batch(*traces: str | None) -> Batch[str]:
    return Batch[str](messages=[Message[str](id=f"{n}", body="", trace=trace) for n, trace in enumerate(traces)])


def sent(batch: Batch[str], trace: str | None) -> list[str | None]:
    return [message.trace for message in batch.traced(trace).messages]


def test_a_message_that_is_sent_alone_belongs_to_the_trace_of_its_sending() -> None:
    assert sent(batch(ONE), OTHER) == [OTHER]
    assert sent(batch(None), OTHER) == [OTHER]


def test_messages_that_are_sent_together_keep_their_contexts() -> None:
    assert sent(batch(ONE, None), OTHER) == [ONE, OTHER]


def test_without_tracing_messages_are_sent_as_they_are() -> None:
    assert sent(batch(ONE, None), None) == [ONE, None]


def test_headers_carry_a_context() -> None:
    headers = [(name, text.encode()) for name, text in trace_headers(OTHER).items()]
    assert [name for name, _ in headers] == ["traceparent", "tracestate"]
    assert read_trace(headers) == OTHER
    assert trace_headers(None) == {}


def test_a_record_that_was_redriven_keeps_its_own_context_and_loses_that_of_the_redrive() -> None:
    own = [("traceparent", ONE.encode()), ("a", b"b")]
    redrive = [(Header.SUBSCRIPTION, b"s"), (Header.REDRIVEN_FROM, b"o"), ("traceparent", SAME_TRACE.encode())]
    assert read_trace([*own, *redrive]) == SAME_TRACE
    assert without_redrive_headers([*own, *redrive]) == own
    assert without_redrive_headers(own) == own
