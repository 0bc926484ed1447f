"""The texts of a campaign's recipients: their own, or the campaign's with its placeholders filled."""

from __future__ import annotations

from airflow_provider_hvsms.api.errors import InvalidRequest
from airflow_provider_hvsms.api.sending import MAX_TEXT_LENGTH
from airflow_provider_hvsms.campaigns.recipient_rows import RecipientRow
from airflow_provider_hvsms.campaigns.segments import count_segments
from airflow_provider_hvsms.campaigns.text_template import TextTemplate


class CampaignText:
    """The text of a campaign, checked and measured.

    :param text: for recipients without their own; it may have placeholders. `None`: all of them have their own.
    :raises InvalidRequest: it is empty or too long, or a placeholder is not the name of a column.
    """

    def __init__(self, text: str | None) -> None:
        if text is not None and not isinstance(text, str):
            raise InvalidRequest(f"text is a {type(text).__name__}, but must be a text.")
        self._template = None if text is None else TextTemplate(text)
        self.common = self._template.constant if self._template else None
        """The text of all recipients without their own; `None` if it has placeholders, or if there is none."""
        if self.common is not None:
            _check(self.common, "The campaign's text")
        self._common_segments = count_segments(self.common or "")

    def measure(self, row: RecipientRow) -> tuple[str | None, int]:
        """The text of a recipient, `None` for the common one, and its segments.

        :raises InvalidRequest: there is none, it is empty or too long, or a placeholder cannot be filled.
        """
        text = self._text_of(row)
        if text is None or text == self.common:
            return None, self._common_segments
        _check(text, f"{row.label}: the text")
        return text, count_segments(text)

    def _text_of(self, row: RecipientRow) -> str | None:
        if isinstance(row.text, str):
            return row.text
        if row.text is not None:
            raise InvalidRequest(f"{row.label}: the text is a {type(row.text).__name__}, but must be a text.")
        if self._template is None:
            raise InvalidRequest(f"{row.label} has no text, and the campaign has none either.")
        return None if self.common is not None else self._template.render(row.columns, row.label)


def _check(text: str, name: str) -> None:
    if not text or text.isspace():
        raise InvalidRequest(f"{name} is empty.")
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidRequest(f"{name} has {len(text):,} characters; the service takes {MAX_TEXT_LENGTH:,}.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} holds half of a character (a lone surrogate), which cannot be sent.") from None
