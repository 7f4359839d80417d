"""Verifies webhooks with the Standard Webhooks project's own library: one JSON object per line, {secret, headers, body}; prints one
verdict per line. Exits with 3 when the library is not installed (pip install standardwebhooks)."""

import datetime
import json
import sys

try:
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError
except ImportError:
    sys.exit(3)

for line in sys.stdin:
    case = json.loads(line)
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
        print("accepted")
    except WebhookVerificationError as error:
        print(f"refused: {error}")
