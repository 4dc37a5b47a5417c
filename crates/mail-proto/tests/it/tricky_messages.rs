//! Messages that readers disagree about, with LF for CR LF.

/// Name and text.
pub(crate) const MESSAGES: &[(&str, &[u8])] = &[
    (
        "plain",
        b"From: andrea@umass.edu\nTo: carlos@urosario.edu.co\nSubject: hello\n\
    Date: Mon, 2 Jun 2025 10:00:00 -0400\nMessage-ID: <1@umass.edu>\n\nDear Carlos,\nhello.\n",
    ),
    ("no header", b"\nonly a body\n"),
    ("no body", b"Subject: only a header\n\n"),
    ("no empty line", b"Subject: a header to the end\n"),
    ("no last line end", b"Subject: x\n\nbody without end"),
    ("empty", b"\n"),
    ("two empty lines", b"Subject: x\n\n\n"),
    (
        "html",
        b"Content-Type: text/html; charset=\"iso-8859-1\"\n\
    Content-Transfer-Encoding: quoted-printable\n\n<p>=E9</p>\n",
    ),
    (
        "charset unquoted and upper case",
        b"CONTENT-TYPE: TEXT/PLAIN; CHARSET=UTF-8; \
    Format=Flowed\n\nx\n",
    ),
    ("text without charset", b"Content-Type: text/x-log; name=a\n\nx\n"),
    (
        "type with comments",
        b"Content-Type: text/plain (a (nested) comment); \
    charset=utf-8 (another)\n\nx\n",
    ),
    ("type without subtype", b"Content-Type: text\n\nx\n"),
    ("type that is no type", b"Content-Type: ???\n\nx\n"),
    ("empty type", b"Content-Type:\n\nx\n"),
    ("type twice", b"Content-Type: text/html\nContent-Type: text/plain\n\nx\n"),
    ("encoding with comment", b"Content-Transfer-Encoding: (c) BASE64 (d)\n\neA==\n"),
    ("empty encoding", b"Content-Transfer-Encoding:\n\nx\n"),
    (
        "image",
        b"Content-Type: image/png; name=\"a \\\"b\\\".png\"\n\
    Content-Transfer-Encoding: base64\n\
    Content-Disposition: attachment; filename=\"a b.png\"; size=3\nContent-ID: <img@x>\n\
    Content-Description: a picture\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n\
    Content-Language: en, es (Spanish)\nContent-Location: http://x.example/a.png\n\nAAAA\n",
    ),
    (
        "disposition without parameters",
        b"Content-Type: application/pdf\n\
    Content-Disposition: inline\nContent-Language: es\n\nx\n",
    ),
    (
        "mixed",
        b"Content-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n\none\n--b\n\
    Content-Type: text/html\n\n<p>two\n--b--\nepilogue\n",
    ),
    (
        "multipart extension data",
        b"Content-Type: multipart/mixed; boundary=b; x=y\n\
    Content-Disposition: inline\nContent-Language: en\nContent-Location: a/b\n\n--b\n\none\n\
    --b--\n",
    ),
    (
        "nested",
        b"Content-Type: multipart/mixed; boundary=out\n\n--out\n\
    Content-Type: multipart/alternative; boundary=in\n\n--in\n\nplain\n--in\n\
    Content-Type: text/html\n\n<p>\n--in--\n\n--out\nContent-Type: application/octet-stream\n\n\
    data\n--out--\n",
    ),
    (
        "boundary begins another",
        b"Content-Type: multipart/mixed; boundary=foo\n\n--foo\n\
    Content-Type: multipart/mixed; boundary=foobar\n\n--foobar\n\ninner\n--foobar--\n--foo\n\n\
    outer\n--foo--\n",
    ),
    (
        "outer boundary is longer",
        b"Content-Type: multipart/mixed; boundary=foobar\n\n--foobar\n\
    Content-Type: multipart/mixed; boundary=foo\n\n--foo\n\ninner\n--foo--\n--foobar\n\nouter\n\
    --foobar--\n",
    ),
    (
        "same boundary inside",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\
    Content-Type: multipart/mixed; boundary=b\n\n--b\n\ninner\n--b--\n--b\n\nouter\n--b--\n",
    ),
    (
        "boundary with more behind",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n\
    --bee\n\ntwo\n--b-\n\nthree\n--b--xyz\nepilogue\n",
    ),
    (
        "boundary with spaces and marks",
        b"Content-Type: multipart/mixed; boundary=\"a \
    b?=/:'()+_,-.\"\n\n--a b?=/:'()+_,-.\n\none\n--a b?=/:'()+_,-.--\n",
    ),
    (
        "boundary with dashes",
        b"Content-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\none\n\
    --b----\n",
    ),
    ("never closed", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n"),
    (
        "inner never closed",
        b"Content-Type: multipart/mixed; boundary=out\n\n--out\n\
    Content-Type: multipart/mixed; boundary=in\n\n--in\n\ninner\n--out\n\nouter\n--out--\n",
    ),
    ("no delimiter", b"Content-Type: multipart/mixed; boundary=b\n\njust text\n"),
    ("no boundary parameter", b"Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n"),
    ("empty boundary", b"Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\none\n----\n"),
    ("closed at once", b"Content-Type: multipart/mixed; boundary=b\n\n--b--\n"),
    (
        "empty parts",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\n\n\n--b\n\
    Content-Type: text/html\n\n--b--\n",
    ),
    (
        "part without empty line",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\
    Content-Type: text/html\n--b\n\ntwo\n--b--\n",
    ),
    ("delimiters in a row", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b--\n"),
    (
        "after the last delimiter",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n\
    --b--\n--b\n\ntwo\n--b--\n",
    ),
    ("delimiter at the end", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--"),
    ("delimiter without text", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n"),
    ("header meets a delimiter", b"Content-Type: multipart/mixed; boundary=b\n--b\n\none\n--b--\n"),
    ("message", b"Content-Type: message/rfc822\n\nSubject: inner\nFrom: a@b\n\nbody\n"),
    (
        "message in a part",
        b"Subject: out\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n\
    see\n--b\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\nSubject: inner\n\
    To: c@d, e@f\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nx\n--i\n\
    Content-Type: text/html\n\ny\n--i--\n\n--b--\n",
    ),
    (
        "message in a message",
        b"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n\
    Subject: innermost\n\nbody\n",
    ),
    (
        "message cut short",
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\
    Content-Type: message/rfc822\n--b\nContent-Type: message/rfc822\n\n--b\n\
    Content-Type: message/rfc822\n\nSubject: x\n--b--\n",
    ),
    (
        "digest",
        b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nx\n--b\n\
    Content-Type: text/plain\n\ny\n--b--\n",
    ),
    (
        "report",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
    --b\n\nsorry\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n\
    Final-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n\n--b\n\
    Content-Type: text/rfc822-headers\n\nSubject: x\n\n--b--\n",
    ),
    ("global message", b"Content-Type: message/global\n\nSubject: \xc3\xa1\n\nx\n"),
    (
        "continued parameter",
        b"Content-Type: application/pdf; name*0=\"long \"; name*1=\"name\"\n\
    Content-Disposition: attachment; filename*=utf-8''%c3%a1.pdf\n\nx\n",
    ),
    (
        "parameters that are none",
        b"Content-Type: text/plain; ; =x; a; b=; c=1; charset=utf-8;\n\n\
    x\n",
    ),
    (
        "value without quotes",
        b"Content-Type: application/x; name=a/b?c.txt\n\
    Content-Disposition: attachment; filename=two words.txt\n\nx\n",
    ),
    ("quote without end", b"Content-Type: text/plain; charset=\"utf-8\nSubject: next\n\nx\n"),
    (
        "folded fields",
        b"Subject: one\n two\n\tthree\n\
    Content-Type: text/plain;\n\tcharset=utf-8;\n   name=\"a\n b\"\nTo: a@b,\n c@d\n\nx\n",
    ),
    (
        "8-bit header",
        b"Subject: caf\xe9\nFrom: \"Jos\xc3\xa9\" <jose@x.example>\n\
    To: Mu\xf1oz <m@x.example>\n\nx\n",
    ),
    (
        "encoded words",
        b"Subject: =?utf-8?q?caf=C3=A9?=\n\
    From: =?utf-8?b?Sm9zw6k=?= <jose@x.example>\n\nx\n",
    ),
    (
        "groups",
        b"From: a@b\nTo: friends: c@d, Eve <e@f>;, undisclosed-recipients:;\n\
    Cc: \"A Group\": x@y;\n\nx\n",
    ),
    (
        "comments in addresses",
        b"From: andrea@umass.edu (Andrea A.)\n\
    To: (before) c@d (after), Bob (the) <b@c> (builder)\n\nx\n",
    ),
    ("routes", b"From: <@a.example,@b.example:c@d.example>\nTo: X <@r.example:y@z.example>\n\nx\n"),
    (
        "quoted local part",
        b"From: \"john doe\"@x.example\n\
    To: \"a\\\"b\"@x.example, \"x\".y@z.example\n\nx\n",
    ),
    ("literal domain", b"From: a@[192.0.2.1]\nTo: <b@[IPv6:2001:db8::1]>\n\nx\n"),
    (
        "names with points",
        b"From: Dr. A. B. Smith <a@b>\n\
    To: J.R.R. Tolkien <j@t>, =?utf-8?q?x?= y <z@z>\n\nx\n",
    ),
    ("obsolete spaces", b"From: a . b @ c . d\nTo: < e @ f >\n\nx\n"),
    ("addresses without domain", b"From: root\nTo: Postmaster <postmaster>, me@, @you\n\nx\n"),
    ("broken addresses", b"From: <>\nTo: a@b@c, <a@b, c d e, <<x@y>>\n\nx\n"),
    ("empty addresses", b"From: a@b\nSender:\nReply-To: \nTo: ,,\nCc:\n\nx\n"),
    ("empty texts", b"From: a@b\nSubject:\nDate: \nMessage-ID:\nIn-Reply-To:\n\nx\n"),
    (
        "sender and reply-to",
        b"From: a@b\nSender: s@b\nReply-To: r@b, q@b\nBcc: hidden@b\n\
    In-Reply-To: <1@b> <2@b>\nMessage-ID: <3@b>\n\
    Date: Mon, 2 Jun 2025 10:00:00 +0000 (comment)\n\nx\n",
    ),
    (
        "fields twice",
        b"Subject: one\nSubject: two\nFrom: a@b\nFrom: c@d\nTo: e@f\nTo: g@h\n\
    Date: one\nDate: two\n\nx\n",
    ),
    ("space before colon", b"Subject : x\nFrom\t: a@b\n\nx\n"),
    ("line without colon", b"Subject: x\nthis is no field\nFrom: a@b\n\nx\n"),
    ("mbox line", b"From a@b Mon Jun  2 10:00:00 2025\nSubject: x\n\nx\n"),
    ("quotes and backslashes", b"Subject: a \"quoted\" back\\slash\nFrom: \"a\\\\b\" <a@b>\n\nx\n"),
    ("spaces around", b"Subject:    many   spaces   \nMessage-ID:  <a@b>  \nFrom:a@b\n\nx\n"),
    ("begins with a fold", b" folded from nothing\nSubject: x\n\nx\n"),
    ("blank line with spaces", b"Subject: x\n \nFrom: a@b\n\nx\n"),
];
