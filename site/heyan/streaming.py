"""A form with one large file, read as it arrives: nothing of it is kept whole, none on disk.

The fields must stand before the file in the form, so that whoever takes the file knows by then
that the form is our own (C-13, DESIGN 2 rule 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

CHUNK = 64 * 1024


class StreamedForm:
    """The present request's fields, then its file as chunks. Call `fields` once, then `file`."""

    def __init__(self, *, max_bytes: int, max_field_bytes: int, max_parts: int) -> None:
        request.max_content_length = max_bytes
        boundary = request.mimetype_params.get("boundary", "").encode("ascii", "replace")
        if request.mimetype != "multipart/form-data" or not boundary:
            raise BadRequest
        # The decoder holds what it has not told yet: a chunk, and the head of the next part.
        self._decoder = MultipartDecoder(
            boundary, max_form_memory_size=4 * CHUNK, max_parts=max_parts
        )
        self._field_bytes = max_field_bytes
        self._input: Any = request.stream
        self._left = max_bytes

    def _events(self) -> Iterator[Any]:
        while True:
            event = self._decoder.next_event()
            if not isinstance(event, NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return
                continue
            try:
                data = self._input.read(CHUNK)
            except (OSError, ClientDisconnected) as error:
                raise BadRequest from error
            self._left -= len(data)
            if self._left < 0:
                raise RequestEntityTooLarge
            try:
                self._decoder.receive_data(data or None)
            except ValueError as error:
                raise BadRequest from error

    def fields(self, name: str) -> dict[str, str]:
        """Return the fields before the file that is called *name*; stops where that begins.

        Raises `BadRequest` for a broken form or one without the file.
        """
        found: dict[str, str] = {}
        self._going = self._events()
        wanted: str | None = None
        value = b""
        try:
            for event in self._going:
                if isinstance(event, File):
                    if event.name != name:
                        raise BadRequest
                    return found
                if isinstance(event, Field):
                    wanted, value = event.name, b""
                elif isinstance(event, Data) and wanted is not None:
                    value += event.data
                    self._field_bytes -= len(event.data)
                    if self._field_bytes < 0:
                        raise RequestEntityTooLarge
                    if not event.more_data:
                        found[wanted] = value.decode("utf-8", "replace")
        except ValueError as error:
            raise BadRequest from error
        raise BadRequest

    def file(self) -> Iterator[bytes]:
        """Yield the file's bytes as they come, to its very end.

        Raises `BadRequest` when the sender breaks off, `RequestEntityTooLarge`.
        """
        try:
            for event in self._going:
                if isinstance(event, Data):
                    if event.data:
                        yield bytes(event.data)
                    if not event.more_data:
                        break
            else:
                raise BadRequest
            # Whatever stands behind the file is read, so that the sender hears the answer.
            for _event in self._going:
                pass
        except ValueError as error:
            raise BadRequest from error
