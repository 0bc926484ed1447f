"""Operators that return small answers of the message store to XCom."""
