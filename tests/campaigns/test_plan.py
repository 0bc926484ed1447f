"""The parts of a campaign."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.campaigns.plan import CampaignPlan
from airflow_provider_hvsms.campaigns.recipient_rows import read_list
from airflow_provider_hvsms.campaigns.recipient_spool import Arrival, PlannedRecipient

SENDER = "+16505550100"
FIRST, SECOND, THIRD = "+12125550101", "+12125550102", "+12125550103"


def planned(recipients: Iterable[Any], **options: Any) -> CampaignPlan:
    return CampaignPlan(read_list(recipients), **{"from_number": SENDER, "text": "Hello", "key": b"key", **options})


def sent(plan: CampaignPlan) -> list[list[tuple[str, str | None]]]:
    return [[(message.to, message.text) for message in part.messages] for part in plan]


def fingerprints(recipients: Iterable[Any], **options: Any) -> list[str]:
    with planned(recipients, **options) as plan:
        return list(plan.fingerprints().values())


def test_recipients_are_sorted_and_cut_into_parts() -> None:
    with planned([THIRD, FIRST, SECOND], max_batch_size=2) as plan:
        assert sent(plan) == [[(FIRST, "Hello"), (SECOND, "Hello")], [(THIRD, "Hello")]]
        assert [part.number for part in plan] == [1, 2]
        assert plan.summary.parts == 2


def test_no_recipients_are_an_empty_plan() -> None:
    with planned([]) as plan:
        assert list(plan) == []
        assert plan.fingerprints() == {}
        assert (plan.summary.recipients, plan.summary.parts, plan.summary.segments) == (0, 0, 0)


def test_own_text_wins_and_is_taken_as_it_is() -> None:
    recipients = [{"to": FIRST, "name": "Ada"}, {"to": SECOND, "name": "Bob", "text": "Only {you}"}]
    with planned(recipients, text="Hello {name}") as plan:
        assert sent(plan) == [[(FIRST, "Hello Ada"), (SECOND, "Only {you}")]]


def test_emoji_and_nul_arrive_as_they_are() -> None:
    with planned([{"to": FIRST, "text": "\U0001f600\0 after"}]) as plan:
        assert sent(plan) == [[(FIRST, "\U0001f600\0 after")]]


def test_the_common_text_is_one_object_for_all() -> None:
    with planned([FIRST, SECOND], text="Hello" * 100) as plan:
        [part] = plan

    assert part.messages[0].text is part.messages[1].text


def test_the_same_number_with_the_same_text_is_sent_once() -> None:
    recipients = [FIRST, {"to": "+1 (212) 555-0101", "text": "Hello"}, SECOND, FIRST]
    with planned(recipients) as plan:
        assert sent(plan) == [[(FIRST, "Hello"), (SECOND, "Hello")]]
        assert (plan.summary.duplicates, plan.summary.recipients) == (2, 2)


@pytest.mark.parametrize("texts", [("Hi", "Hello"), (None, "Hi"), ("Hi\0a", "Hi\0b")])
def test_the_same_number_with_different_texts_is_refused_by_its_rows(texts: tuple[str | None, str]) -> None:
    recipients = [SECOND, {"to": FIRST, "text": texts[0]}, {"to": FIRST, "text": texts[1]}]
    with pytest.raises(InvalidRequest, match="different texts in Recipient 2 and 3") as caught:
        with planned(recipients):
            pass

    assert "5550101" not in str(caught.value)


def test_an_invalid_number_fails_the_plan_with_the_first_row_and_the_count() -> None:
    with pytest.raises(InvalidRequest, match=r"^Rows without a valid number: 2. The first is Recipient 2: its number"):
        with planned([FIRST, "2125550199", SECOND, {"to": None}]):
            pass


def test_invalid_rows_can_be_kept_apart() -> None:
    recipients = [FIRST, "2125550199", {"to": None}, {"to": "\ud800"}, {"to": 5}]
    with planned(recipients, on_invalid="quarantine") as plan:
        assert sent(plan) == [[(FIRST, "Hello")]]
        assert plan.summary.invalid == 4
        assert [(row.place, row.number) for row in plan.invalid_rows()] == [
            (2, "2125550199"),
            (3, None),
            (4, "?"),
            (5, "5"),
        ]
        assert "2125550199" not in repr(list(plan.invalid_rows()))


def test_many_invalid_rows_are_all_kept() -> None:
    with planned(["1"] * 2_500, on_invalid="quarantine") as plan:
        assert [row.place for row in plan.invalid_rows()] == list(range(1, 2_501))


@pytest.mark.parametrize(
    ("recipient", "message"),
    [
        ({"to": FIRST, "text": "a" * 1_001}, "^Recipient 1: the text has 1,001 characters; the service takes 1,000"),
        ({"to": FIRST, "text": ""}, "^Recipient 1: the text is empty"),
        ({"to": FIRST, "text": " \n"}, "^Recipient 1: the text is empty"),
        ({"to": FIRST, "text": "a\ud83d"}, "^Recipient 1: the text holds half of a character"),
        ({"to": FIRST, "text": 5}, "^Recipient 1: the text is a int"),
        ({"to": FIRST}, "^Recipient 1 has no column 'name'"),
        ({"to": FIRST, "name": "a" * 1_000}, "^Recipient 1: the text has 1,006 characters"),
    ],
)
def test_a_text_that_cannot_be_sent_is_named_by_its_row(recipient: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        with planned([recipient], text="Hello {name}", on_invalid="quarantine"):
            pass


def test_a_recipient_without_any_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="Recipient 1 has no text, and the campaign has none either"):
        with planned([FIRST], text=None):
            pass


def test_a_text_of_1_000_characters_is_taken() -> None:
    with planned([FIRST], text="a" * 1_000) as plan:
        assert plan.summary.segments == 7


@pytest.mark.parametrize(
    "options",
    [
        {"text": ""},
        {"text": "a" * 1_001},
        {"text": "\ud800"},
        {"text": 5},
        {"text": "{"},
        {"max_batch_size": 0},
        {"max_batch_size": 250_001},
        {"max_batch_size": True},
        {"on_invalid": "ignore"},
        {"key": b""},
        {"from_number": "me"},
    ],
)
def test_an_argument_that_cannot_be_used_is_refused_before_rows_are_read(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        planned([FIRST], **options)


def test_opted_out_recipients_are_left_out_and_counted() -> None:
    with planned([FIRST, SECOND, THIRD], text="a" * 161, max_batch_size=2) as plan:
        plan.leave_out([SECOND, "+12125559999"])

        assert [[one.to for one in part.messages] for part in plan] == [[FIRST], [THIRD]]
        assert [[one.to for one in part.opted_out] for part in plan] == [[SECOND], []]
        summary = plan.summary
        assert (summary.recipients, summary.opted_out, summary.to_send, summary.segments) == (3, 1, 2, 4)


def test_a_later_list_of_opt_outs_replaces_the_earlier_one() -> None:
    with planned([FIRST, SECOND]) as plan:
        plan.leave_out([FIRST])
        plan.leave_out([SECOND])

        assert [[one.to for one in part.opted_out] for part in plan] == [[SECOND]]


def test_opt_outs_that_cannot_be_read_to_their_end_can_be_given_again() -> None:
    def lost() -> Iterator[str]:
        yield FIRST
        raise ConnectionError

    with planned([FIRST, SECOND]) as plan:
        with pytest.raises(ConnectionError):
            plan.leave_out(lost())
        plan.leave_out([SECOND])

        assert [[one.to for one in part.messages] for part in plan] == [[FIRST]]


def test_representations_show_neither_number_nor_text() -> None:
    with planned([FIRST], text="Hello Ada") as plan:
        shown = repr((list(plan), plan, plan.summary, Arrival(FIRST, 1, "Ada", 1), PlannedRecipient(FIRST, "Ada", 0)))

    assert "5550101" not in shown
    assert "Ada" not in shown


def test_a_part_may_have_nobody_to_send_to() -> None:
    with planned([FIRST, SECOND], max_batch_size=1) as plan:
        plan.leave_out([FIRST])

        assert [len(part.messages) for part in plan] == [0, 1]
        assert plan.summary.parts == 2


def test_fingerprints_do_not_depend_on_order_duplicates_or_opt_outs() -> None:
    numbers = [f"+1212555{number:04}" for number in range(200)]
    shuffled = random.Random(1).sample(numbers, 200)
    with planned([*shuffled, *numbers[:50]], max_batch_size=70) as plan:
        plan.leave_out(numbers[:100])

        assert list(plan.fingerprints().values()) == fingerprints(numbers, max_batch_size=70)
        assert [part.fingerprint for part in plan] == fingerprints(numbers, max_batch_size=70)


def test_a_fingerprint_does_not_depend_on_where_the_text_comes_from() -> None:
    assert fingerprints([{"to": FIRST, "text": "Hello"}], text="Bye") == fingerprints([FIRST])
    assert fingerprints([{"to": FIRST, "name": "Hello"}], text="{name}") == fingerprints([FIRST])


@pytest.mark.parametrize(
    ("recipients", "options"),
    [
        ([SECOND], {}),
        ([FIRST, SECOND], {}),
        ([FIRST], {"text": "Hello!"}),
        ([FIRST], {"from_number": "+16505550101"}),
        ([FIRST], {"key": b"other"}),
        ([{"to": FIRST, "text": "Hello!"}], {}),
    ],
)
def test_a_fingerprint_covers_sender_recipients_texts_and_key(recipients: list[Any], options: dict[str, Any]) -> None:
    assert fingerprints(recipients, **options) != fingerprints([FIRST])


def test_a_text_cannot_pass_for_a_recipient() -> None:
    one = fingerprints([{"to": FIRST, "text": f"a,13:{SECOND},1:b"}])
    two = fingerprints([{"to": FIRST, "text": "a"}, {"to": SECOND, "text": "b"}])

    assert one != two


STORED = """
import os, sys
from airflow_provider_hvsms.campaigns.plan import CampaignPlan
from airflow_provider_hvsms.campaigns.recipient_rows import read_list
recipients = ({"to": f"+1212{number}", "text": f"{number}" * 100} for number in range(5_550_000, 5_570_000))
with CampaignPlan(read_list(recipients), from_number="+16505550100", key=b"k"):
    folder = os.environ["SQLITE_TMPDIR"]
    links = [link for link in (f"/proc/self/fd/{number}" for number in range(3, 50)) if os.path.islink(link)]
    opened = [os.stat(link) for link in links if os.readlink(link).startswith(folder)]
    print(os.listdir(folder), sum(one.st_size for one in opened) > 5_000_000, {oct(one.st_mode) for one in opened})
"""

MEASURED = """
import resource, sys
from airflow_provider_hvsms.campaigns.plan import CampaignPlan
from airflow_provider_hvsms.campaigns.recipient_rows import read_list
count, text = int(sys.argv[1]), "Hello {name} " + "a" * 150
recipients = ({"to": f"+1{2_000_000_000 + number * 7919 % 999_983}", "name": "Ada"} for number in range(count))
with CampaignPlan(read_list(recipients), from_number="+16505550100", text=text, key=b"k") as plan:
    plan.leave_out(f"+1{2_000_000_000 + number}" for number in range(0, 1_000_000, 100))
    sent = sum(len(part.messages) for part in plan)
    assert sent == plan.summary.to_send > 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(script: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ).stdout


def test_recipients_are_in_a_file_without_a_name_that_only_its_user_can_read(tmp_path: Path) -> None:
    assert run(STORED, SQLITE_TMPDIR=str(tmp_path)) == "[] True {'0o100600'}\n"


def test_memory_does_not_grow_with_the_recipients() -> None:
    """Their numbers and texts alone would take 60 MB."""
    assert int(run(MEASURED, "200000")) - int(run(MEASURED, "20000")) < 12_000
