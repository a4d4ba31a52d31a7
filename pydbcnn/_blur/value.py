"""Values that never change: compared by what they hold, and stored as JSON."""

import json
import math
from numbers import Real


class Value:
    """What `Blur` and `Noise` share; a subclass sets its attributes once, with `_set`.

    The names of the attributes are the keys of `to_dict` and the parameters of the
    constructor, which checks them.
    """

    def _set(self, **attributes):
        self.__dict__.update(attributes)

    def __setattr__(self, name, value):
        raise AttributeError(
            f"A {type(self).__name__} never changes, so {name} cannot be set: make "
            "another one."
        )

    def __delattr__(self, name):
        raise AttributeError(
            f"A {type(self).__name__} never changes, so {name} cannot be deleted."
        )

    def __eq__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self):
        return hash((type(self), *vars(self).values()))

    @classmethod
    def _check_keys(cls, data, keys, required):
        """Raise unless data are a dict with known keys, and with all that have to be.

        Raises
        ------
        TypeError
            When they are no dict.
        ValueError
            When a key is unknown or missing.
        """
        name = cls.__name__
        if not isinstance(data, dict):
            raise TypeError(
                f"{name}.from_dict was given {type(data).__name__}: expected the dict "
                f"that {name}.to_dict gives."
            )
        unknown = [key for key in data if key not in keys]
        missing = [key for key in required if key not in data]
        if unknown or missing:
            problems = [
                *(f"the unknown key {key!r}" for key in unknown),
                *(f"no key {key!r}" for key in missing),
            ]
            raise ValueError(
                f"{name}.from_dict was given {', '.join(problems)}: expected keys "
                f"among {', '.join(keys)}."
            )

    def to_json(self):
        """Write this value as JSON, with every digit.

        Returns
        -------
        text : str
            The dictionary of `to_dict`; `from_json` makes an equal value of it.
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text):
        """Read a value that `to_json` has written.

        Parameters
        ----------
        text : str
            JSON.

        Returns
        -------
        value : object
            Equal to the one that was written.

        Raises
        ------
        TypeError
            When it holds no dictionary, or text is no string.
        ValueError
            When it is no JSON, when keys are unknown or missing, or when a value has
            another type than expected or is out of its range.
        """
        try:
            data = json.loads(text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"This is no JSON ({error}): pass what {cls.__name__}.to_json gives."
            ) from None
        return cls.from_dict(data)


def _refuse_constant(name):
    raise ValueError(f"The JSON holds {name}: expected finite numbers.")


def check_number(name, value, low, high, unit):
    """A real number in a range, as a float.

    Parameters
    ----------
    name : str
        What error messages call it.
    value : float
    low, high : float
        The least and the largest value that is allowed.
    unit : str
        What error messages add to the range, such as "pixels"; may be empty.

    Returns
    -------
    value : float

    Raises
    ------
    ValueError
        When it is no finite number in this range.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or not math.isfinite(value):
        raise ValueError(
            f"{name}={value!r}: expected a number from {low:g} to {high:g}"
            f"{' ' if unit else ''}{unit}."
        )
    return float(value)
