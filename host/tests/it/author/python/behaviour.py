"""A plugin that goes wrong in each way there is, by the subject that it is asked about."""

import datetime
import logging
import random
import secrets
import sys
import time
import uuid

from chancery_plugin import (
    Attachment,
    Data,
    DataProvider,
    Denied,
    Internal,
    InvalidRequest,
    Misconfigured,
    NotFound,
    Problem,
    Unavailable,
)
from chancery_plugin import log

DRAWN_AT_BUILD = random.random()


class Behaviour(DataProvider):
    name = "people"
    version = "0.1.0"
    summary = "Goes wrong."

    def validate(self, config):
        if "raise" in config:
            raise KeyError("raise")
        if "wrong" in config:
            return ["wrong"]
        return [Problem("/a", "is wrong"), Problem("", "all is wrong")] if config else []

    def fetch(self, request, config):
        return getattr(self, request.subject.id.replace("-", "_"))(request)

    def not_found(self, request):
        raise NotFound("Not here.", detail="row 7")

    def denied(self, request):
        raise Denied("No.")

    def invalid_request(self, request):
        raise InvalidRequest("What?")

    def unavailable(self, request):
        raise Unavailable("Later.", retry_after=datetime.timedelta(seconds=90))

    def misconfigured(self, request):
        raise Misconfigured("Mend it.", detail="x" * 10_000)

    def internal(self, request):
        raise Internal("Broken.")

    def raises(self, request):
        helper({})

    def raises_from(self, request):
        try:
            helper({})
        except KeyError as error:
            raise ValueError("the outer one") from error

    def exits(self, request):
        sys.exit(3)

    def recurses(self, request):
        return self.recurses(request)

    def opens(self, request):
        open("/etc/passwd")

    def imports(self, request):
        # Built at run time, so that nothing sees it coming.
        return __import__("color" + "sys")

    def nothing(self, request):
        return None

    def a_dict(self, request):
        return {"given_name": "Ada"}

    def a_date(self, request):
        return Data({"people": [{"birth_date": datetime.date(1990, 1, 1)}]})

    def a_number(self, request):
        return Data({"height": float("nan")})

    def a_key(self, request):
        return Data({(1, 2): "x"})

    def half_a_character(self, request):
        return Data({"name": "\ud800"})

    def bad_attachment(self, request):
        return Data({}, [Attachment("photo", "image/png", "text")])

    def bad_end(self, request):
        return Data({}, valid_until=datetime.datetime(2030, 1, 1))

    def too_much_attached(self, request):
        return Data({}, [Attachment("photo", "image/png", bytes(17 << 20))])

    def large(self, request):
        # Three chunks of a blob, and a megabyte of JSON.
        photo = Attachment("photo", "image/png", b"\x89" * (5 << 19))
        end = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        return Data({"text": "é" * (1 << 19)}, [photo], valid_until=end)

    def says(self, request):
        print("printed", 1)
        print("without an end", end="")
        print("to stderr", file=sys.stderr)
        logging.getLogger("a.b").warning("logged %s", 2)
        logging.debug("not shown")
        log.info("said", message="a field", count=3)
        return Data({})

    def late_import(self, request):
        import csv
        from xml.etree import ElementTree

        rows = list(csv.reader(["a,b"]))
        day = datetime.datetime.strptime("2026-01-02", "%Y-%m-%d")
        tag = ElementTree.fromstring("<a/>").tag
        return Data({"rows": rows, "day": f"{day:%d.%m.%Y}", "tag": tag, "idna": "ü.example".encode("idna").decode()})

    def clock(self, request):
        now = datetime.datetime.now(datetime.timezone.utc)
        return Data({"now": now.isoformat(timespec="seconds"), "time": int(time.time())})

    def draw(self, request):
        drawn = [random.random(), str(uuid.uuid4()), secrets.token_hex(8), DRAWN_AT_BUILD]
        return Data({"drawn": "|".join(map(str, drawn[:3])), "fixed": str(DRAWN_AT_BUILD)})

    def request(self, request):
        return Data(
            {
                "claims": request.subject.claims,
                "settings": request.settings,
                "context": bool(request.context is not None),
                "locales": request.locales,
                "requested": request.requested_claims,
                "format": request.format,
            }
        )


def helper(row):
    return row["missing"]
