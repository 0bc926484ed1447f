"""Hidden arguments: what Airflow renders, keeps and shows of them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import jinja2
import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_hvsms.utils.hidden_arguments import Hidden, HiddenArgument, reveal

NUMBER = "+14155550123"


class Sending(BaseOperator):
    """An operator with a hidden argument."""

    template_fields = ("recipients",)
    recipients = HiddenArgument("recipients")

    def __init__(self, *, recipients: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recipients = recipients


def rendered(operator: Sending, **params: Any) -> Any:
    operator.render_template_fields({"task": operator, "params": params}, jinja2.Environment(autoescape=True))
    return operator.recipients


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([NUMBER, NUMBER], "<2 recipients>"),
        ([], "<0 recipients>"),
        (NUMBER, "<recipients>"),
        ("{{ params.x }}", "<recipients of a template>"),
    ],
)
def test_its_text_tells_how_many_there_are(value: Any, text: str) -> None:
    assert [str(Hidden(value, "recipients")), Hidden(value, "recipients").serialize()] == [text, text]


def test_a_template_is_rendered_and_stays_hidden() -> None:
    found = rendered(Sending(task_id="send", recipients=["{{ params.x }}", {"to": "{{ params.x }}"}]), x=NUMBER)
    assert str(found) == "<2 recipients>"
    assert reveal(found) == [NUMBER, {"to": NUMBER}]


def test_an_argument_that_is_not_given_stays_none() -> None:
    assert Sending(task_id="send", recipients=None).recipients is None


def test_the_task_that_gives_the_value_comes_first() -> None:
    with DAG("d", schedule=None):
        before = BaseOperator(task_id="before")
        send = Sending(task_id="send", recipients=before.output)
        mixed = Sending(task_id="mixed", recipients=[NUMBER, before.output])
    assert (send.upstream_task_ids, mixed.upstream_task_ids) == ({"before"}, {"before"})


def test_an_error_in_a_template_does_not_log_the_value(caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    with pytest.raises(jinja2.TemplateSyntaxError):
        rendered(Sending(task_id="send", recipients=[NUMBER, "{{ params."]))
    assert "4155550123" not in caplog.text + "".join(capsys.readouterr())


def test_copies_hold_the_value() -> None:
    hidden = Hidden([NUMBER], "recipients")
    for other in (copy.deepcopy(hidden), pickle.loads(pickle.dumps(hidden))):
        assert reveal(other) == [NUMBER]


def test_no_attribute_of_the_operator_shows_the_value() -> None:
    operator = Sending(task_id="send", recipients=[NUMBER])
    own = {name: value for name, value in vars(operator).items() if not name.startswith("_BaseOperator__")}
    assert "4155550123" not in repr(own)


def test_what_holds_no_template_is_not_rendered() -> None:
    class Unrendered(Sending):
        def render_template(self, *arguments: Any, **more: Any) -> Any:
            raise AssertionError("Nothing is to be rendered.")

    found = rendered(Unrendered(task_id="send", recipients=[NUMBER, {"to": NUMBER, "age": 30, "text": "Hello {name}"}]))
    assert len(reveal(found)) == 2
