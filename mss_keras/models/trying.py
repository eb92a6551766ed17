"""A layer of the user's, tried before it is used: better told when it is built than later.

Whatever the layer raises becomes one line that says what, and where in the user's module.
"""

import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import UserError

# What Keras writes around the message of an error in a layer's `call`.
_FRAME, _ARGUMENTS, _BOLD = "Exception encountered when calling", "Arguments received", "\x1b[^m]*m"


@dataclass(frozen=True)
class Trial:
    """A network around a layer of the user's, which is called as it will be.

    Args:
        network: keras.layers.Layer. The network.
        layer: keras.layers.Layer. What errors name.
        call: Callable. Given what is heard and whether it is `training`, what the layer gives.
    """

    network: Any
    layer: Any
    call: Callable[[tf.Tensor, bool], Any]

    def examples(self, heard: tf.Tensor, shape: Sequence[int], *, name: str, wanted: str) -> None:
        """Builds the layer, by examples.

        Args:
            heard: the examples.
            shape: of what it has to give.
            name: what the examples are.
            wanted: what it has to give, in words.

        Raises:
            UserError: if the layer raises, gives another shape, or what is not finite, or has
                weights that Keras does not know.
        """
        with tf.GradientTape() as tape, telling(self.layer, wanted):
            found = self.call(heard, False)
        given = list(getattr(found, "shape", [type(found).__name__]))
        who = type(self.layer).__name__
        if given != list(shape):
            raise UserError("network", f"{who} that gives {given}", wanted)
        if not (kind := tf.as_dtype(found.dtype)).is_floating:
            raise UserError("network", f"{who} that gives {kind.name}", "floating point numbers")
        # Within a graph there are no values yet.
        if hasattr(found, "numpy") and not np.isfinite(np.float32(found.numpy())).all():
            raise UserError("network", f"{who} that makes NaN of {name}", "finite values")
        self._require_weights(tape.watched_variables())

    def _require_weights(self, used: Sequence[Any]) -> None:
        # Others would be neither trained nor saved.
        own = [variable.value for variable in self.network.variables]
        known = {id(x) for value in own for x in (value, *getattr(value, "values", ()))}
        if unknown := [x.name for x in used if id(x) not in known]:
            found = f"{type(self.layer).__name__} with the weights {', '.join(unknown[:3])}"
            wanted = "Keras variables and layers that are attributes of it, or in lists or dicts"
            raise UserError("network", f"{found}, which Keras does not know", wanted)

    def sizes(self, shape: Sequence[int | None], *, wanted: str) -> None:
        """Traces the layer as training and separation do, where sizes are not known yet.

        Args:
            shape: of what it hears, with None where sizes may be any.
            wanted: what it has to give, in words.

        Raises:
            UserError: if the layer raises.
        """
        for training in (True, False):
            with telling(self.layer, f"{wanted}, by `ops.shape` where a size is not known yet"):
                tf.function(
                    lambda heard, training=training: self.call(heard, training),
                    input_signature=[tf.TensorSpec(shape, tf.float32)],
                    autograph=False,
                ).get_concrete_function()


@contextmanager
def telling(layer: Any, wanted: str) -> Iterator[None]:
    """A context in which what a class of the user's raises is told in a line.

    Args:
        layer: the layer, or its class.
        wanted: what would be right.

    Raises:
        UserError: for every exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a user's class raises whatever it raises
        kind = layer if isinstance(layer, type) else type(layer)
        found = f"{kind.__name__} that raises {_told(error)}{_place(error, kind)}"
        raise UserError("network", found, wanted) from error


def _told(error: Exception) -> str:
    # An error's kind and its message, without what Keras writes around it.
    text = re.sub(_BOLD, "", str(error)).split(_ARGUMENTS)[0]
    lines = [line.strip() for line in text.splitlines() if not line.startswith(_FRAME)]
    return ": ".join([type(error).__name__, *[line for line in lines if line][:1]])


def _place(error: Exception, kind: type) -> str:
    # Where in the module of the class, if it is there.
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    lines = [x.lineno for x in traceback.extract_tb(error.__traceback__) if x.filename == file]
    return f" ({file}, line {lines[-1]})" if file and lines else ""
