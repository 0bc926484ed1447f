"""Sample texts that are hard to store: quotes, line breaks, emoji, scripts other than Latin, several segments."""

from __future__ import annotations

from airflow_provider_hvsms.sandbox.data.segments import segment_count

_NAMES = (
    "Ana",
    "Bjørn",
    "Chloé",
    "Dmitri",
    "Émile",
    "Fatima",
    "Gül",
    "Hiro",
    "Iñigo",
    "Jürgen",
    "Łukasz",
    "美咲",
)
_OUTGOING = (
    "Hi {name}, your order has shipped. Track it at https://example.com/t/42, reply STOP to opt out.",
    "{name}, your code is 493027. It expires in 10 minutes.",
    "Reminder: {name} has an appointment\nMonday, 9:30 AM\nReply C to confirm, R to reschedule",
    'Dear {name}, "Spring Sale" starts today: 20% off, shoes; shirts, and hats.',
    "🎉 {name}, it's your birthday! Here is a gift 🎁 from all of us 👩‍👩‍👧‍👦",
    "Grüße aus Zürich, {name}: Ihr Paket liegt bereit. Größe 42, 39,90 €",
    "{name}さん、ご予約ありがとうございます。明日10時にお待ちしております。",
    "Hello {name}, we have new opening hours: 8 AM to 9 PM on weekdays, and 10 AM to 6 PM on weekends and holidays.",
    "Dear {name}, thank you for ten years with us. "
    + "We put together everything that happened in that time, " * 2
    + "and wish you well.",
    "{name}, path C:\\temp\\new, tab\there, 'single' and \"double\" quotes, 100 % & <b>more</b>",
    "مرحبا {name}، طلبك جاهز للاستلام",
    "Low balance alert for {name}: $12.34 left on card *1881.",
)
INCOMING = (
    "STOP",
    "C",
    "Yes, thanks!",
    "👍",
    'Who is "this"?',
    "Can I come at 10, or is 11 better?\nThanks",
    "¿Dónde está mi pedido?",
    "すみません、明日は行けません。",
    "ok",
    "Where is my order #1042, please?",
)
"""Incoming texts."""


OUTGOING = tuple(tuple(line.format(name=name) for name in _NAMES) for line in _OUTGOING)
"""Outgoing texts, by template and name."""

OUTGOING_SEGMENTS = tuple(tuple(map(segment_count, line)) for line in OUTGOING)
"""Segments of each of ``OUTGOING``."""

INCOMING_SEGMENTS = tuple(map(segment_count, INCOMING))
"""Segments of each of ``INCOMING``."""
