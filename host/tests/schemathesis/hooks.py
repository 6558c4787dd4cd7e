"""What schemathesis must know to read the host's answers."""

import schemathesis

# A status list with a Data Integrity proof is JSON under another name.
schemathesis.deserializer("application/vc")(lambda _context, response: response.json())
