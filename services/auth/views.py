"""What every body of a request, and every answer, is made of."""

from pydantic import BaseModel, ConfigDict


class Asked(BaseModel):
    """Something a client sends; a field that we do not know is a mistake to tell about."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(BaseModel):
    """Something a client gets."""

    model_config = ConfigDict(frozen=True)
