# How another system hands a message to Turnpike: pip install pika; TURNPIKE_API_KEY=tp_… python3 publish.py +16505550100
import json, os, sys, pika

channel = pika.BlockingConnection(pika.URLParameters(os.environ["TURNPIKE_AMQP_URL"])).channel()
channel.confirm_delivery()
message = {"to": sys.argv[1], "type": "template", "template": {"name": "order_update", "language": {"code": "en_US"},
           "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "18"}]}]}}
properties = pika.BasicProperties(message_id="order-18", delivery_mode=2, headers={"x-api-key": os.environ["TURNPIKE_API_KEY"]})
channel.basic_publish("turnpike.intake", "message", json.dumps(message), properties, mandatory=True)
print("Turnpike has it")
