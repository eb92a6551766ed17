"""What goes wrong between a client and a server.

WorkFailedError
    ServingError        the server refused a request, or answered nonsense
        Unreachable     no connection, or it broke: the next attempt may succeed
"""

from mss_keras.config import WorkFailedError

UNAVAILABLE = "UNAVAILABLE"


class ServingError(WorkFailedError):
    """A server refused a request, or a request did not reach a server.

    Args:
        code: str. Name of the gRPC status code.
        message: str. What the server said, or what went wrong on the way.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code

    @classmethod
    def of_answer(cls, found: str, wanted: str) -> "ServingError":
        """The error for an answer that no server of ours gives.

        Args:
            found: str. What was found in the answer.
            wanted: str. What would be right.
        """
        return cls("UNKNOWN", f"answer: found {found}, wanted {wanted}")


class Unreachable(ServingError):
    """There is no connection to the server, or it broke.

    Args:
        message: str. What went wrong.
    """

    def __init__(self, message: str):
        super().__init__(UNAVAILABLE, message)
