"""What is left of a transport whose connection is lost.

Transport, TLS and connection hold each other; 44 KB a visitor would wait for Python's search for rubbish, which is rare
(`cluster/rubbish`). So the connection lets go.
"""

import asyncio


class _Gone(asyncio.Transport):
    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False


GONE = _Gone()
