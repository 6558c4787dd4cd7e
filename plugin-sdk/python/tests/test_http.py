import datetime
import unittest
from unittest import mock

from chancery_plugin import Internal, Misconfigured, Unavailable, http
from chancery_plugin._httperror import HttpError, kind_of
from chancery_plugin._wire import split


class Addresses(unittest.TestCase):
    def test_parts_are_as_wasi_http_wants_them(self):
        for url, parts in [
            ("https://Registry.Example", (True, "registry.example", "/")),
            ("HTTP://h:8080?x=/?:@", (False, "h:8080", "/?x=/?:@")),
            ("http://[::1]:81/a%2Fb", (False, "[::1]:81", "/a%2Fb")),
            ("https://h/a//b;c=1,2?..", (True, "h", "/a//b;c=1,2?..")),
        ]:
            with self.subTest(url=url):
                self.assertEqual(split(url), parts)

    def test_what_readers_could_disagree_about_is_refused(self):
        for url in [
            "", "registry.example", "ftp://h/", "https://", "https:///a", "https://user@h/", "https://h\\@evil/",
            "https://h\u00e9/", "https://h/a b", "https://h/\r\nx: y", "https://h/é", "https://h/%2", "https://h/%zz",
            "https://h/#a", "https://h?a#b", "https://h#a", "https://h/../a", "https://h/a/.", "https://h/%2E%2e/a",
            "https://h/.%2e?x", "https://h/a\\b", "https://h/<a>",
        ]:  # fmt: skip
            with self.subTest(url=url):
                self.assertFalse(http.is_url(url))
                with self.assertRaises(HttpError) as caught:
                    split(url)
                self.assertEqual(caught.exception.kind, "bad-request")
        for nothing in (None, 7, b"https://h/", ["https://h/"]):
            self.assertFalse(http.is_url(nothing))

    def test_a_component_cannot_end_itself(self):
        self.assertEqual(http.quote("a-b._~é/?#&=%\r\n "), "a-b._~%C3%A9%2F%3F%23%26%3D%25%0D%0A%20")


class Requests(unittest.TestCase):
    def sent(self, remaining=5.0, **options):
        with (
            mock.patch.object(http.trace, "remaining", return_value=remaining),
            mock.patch.object(http.trace, "traceparent", return_value=None),
            mock.patch.object(http._wire, "send", return_value=(200, [], b"")) as send,
        ):
            http.post("https://h/", **options)
        return send.call_args.args

    def test_what_is_left_of_the_call_is_not_all_waited_for(self):
        for remaining, timeout, limit in [(5.0, None, 4.9), (0.05, None, 0.001), (0, None, 0.001), (5.0, 3.0, 3.0), (5.0, 9.0, 9.0)]:  # fmt: skip
            with self.subTest(remaining=remaining, timeout=timeout):
                self.assertAlmostEqual(self.sent(remaining, timeout=timeout)[-1], limit)

    def test_a_body_is_bytes_or_a_text(self):
        for body, sent in [(None, b""), ("ü", "ü".encode()), (b"x", b"x"), (memoryview(b"y"), b"y")]:
            self.assertEqual(self.sent(body=body)[3], sent)
        for body, kind in [(5, TypeError), (["x"], TypeError), ("\ud800", ValueError)]:
            with self.assertRaises(kind):
                self.sent(body=body)


class Answers(unittest.TestCase):
    def response(self, content_type="application/json", body=b"{}", **headers):
        fields = [("content-type", content_type), *((name.replace("_", "-"), value) for name, value in headers.items())]
        return http.Response(200, fields, body)

    def test_json_must_call_itself_json(self):
        for good in ("application/json", "Application/JSON; charset=utf-8", "application/problem+json"):
            self.assertEqual(self.response(good).json(), {})
        for bad in ("text/html", "application/jsonx", "text/x+json", "", "application/json, text/html"):
            with self.subTest(bad=bad), self.assertRaises(HttpError) as caught:
                self.response(bad).json()
            self.assertEqual(caught.exception.kind, "protocol")
        for body in (b'{"a":1,"a":1}', b"<p>", b"\xff"):
            with self.subTest(body=body), self.assertRaises(HttpError) as caught:
                self.response(body=body).json()
            self.assertEqual(caught.exception.kind, "protocol")

    def test_retry_after_is_seconds_or_a_date(self):
        now = datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.timezone.utc)
        for value, seconds in [
            ("0", 0), ("120", 120), ("9" * 40, float("9" * 15)), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Sun, 06 Nov 1994 08:50:37 GMT", 60), ("Sun, 06 Nov 1988 08:50:37 GMT", 0), ("", None), ("-1", None),
            ("1.5", None), ("soon", None), ("²", None), ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 31 Feb 2027 08:49:37 GMT", None), ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 25:49:37 GMT", None), ("Sun, +6 Nov 1994 08:49:37 GMT", None),
        ]:  # fmt: skip
            with self.subTest(value=value):
                self.assertEqual(self.response(retry_after=value).retry_after(now), seconds)

    def test_a_response_does_not_show_what_is_in_it(self):
        self.assertEqual(repr(self.response(body=b"Amina", x_secret="Otieno")), "Response(status=200)")


class Errors(unittest.TestCase):
    def test_the_codes_of_the_host_keep_their_meaning(self):
        for code, kind in [
            ("HTTP-request-denied", "internal"), ("http-request-denied", "denied"), ("connection-refused", "connection"),
            ("connection-timeout", "connection-timeout"), ("http-response-timeout", "response-timeout"),
            ("http-response-body-size", "response-too-large"), ("http-response-header-section-size", "response-too-large"),
            ("http-request-body-size", "request-too-large"), ("http-request-trailer-size", "request-too-large"),
            ("tls-certificate-error", "tls"), ("tls-alert-received", "tls"), ("http-protocol-error", "protocol"),
            ("http-response-incomplete", "protocol"), ("http-response-transfer-coding", "protocol"),
            ("http-request-uri-invalid", "bad-request"), ("internal-error", "internal"), ("loop-detected", "internal"),
        ]:  # fmt: skip
            with self.subTest(code=code):
                self.assertEqual(kind_of(code), kind)
        self.assertIn("7 bytes", str(HttpError.of_code("http-response-body-size", 7)))
        self.assertEqual(str(HttpError.of_code("connection-refused", None)), "no connection: connection-refused")

    def test_failures_are_sorted_by_who_can_mend_them(self):
        for kind in ("dns", "connection", "connection-timeout", "response-timeout", "protocol", "internal"):
            self.assertIsInstance(HttpError(kind).as_plugin_error(), Unavailable)
        for kind in ("denied", "tls", "request-too-large", "response-too-large"):
            self.assertIsInstance(HttpError(kind).as_plugin_error(), Misconfigured)
        self.assertIsInstance(HttpError("bad-request").as_plugin_error(), Internal)

    def test_the_destination_is_told_to_the_operator_alone(self):
        error = HttpError("denied", "https://10.0.0.7").as_plugin_error()
        self.assertNotIn("10.0.0.7", str(error))
        self.assertTrue(error.detail.endswith(": https://10.0.0.7"))
