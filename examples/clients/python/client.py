"""Sends one message, checked against the record schema, and follows it to its result and its receipts."""

import json
import os
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from jsonschema import Draft202012Validator, ValidationError

SCHEMA = Path("schemas/jsonschema/outbound.schema.json")
COMMON = {"bootstrap.servers": os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092"), "reconnect.backoff.ms": 1000, "enable.metrics.push": False}


def main() -> None:
    to, text = sys.argv[1:3] if len(sys.argv) == 3 else ("+491761000002", "Hello from Python.")
    message = {"id": f"python-{uuid.uuid4()}", "to": to, "text": text, "receipts": "final"}
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(message)
    send(message)
    follow(message["id"], time.monotonic() + 120)


def send(message: dict) -> None:
    producer = Producer({
        **COMMON,
        "enable.idempotence": True,  # a retry writes nothing twice; implies acks=all
        "partitioner": "murmur2_random",  # the same partition for a key as Java's client has; librdkafka's default is another
        "delivery.timeout.ms": 30_000,
    })
    outcome = []
    # The key is the recipient's number: results and receipts carry it on, and one person's messages stay in order.
    producer.produce("sms.outbound", key=message["to"].removeprefix("+"), value=json.dumps(message),
                     on_delivery=lambda error, record: outcome.append((error, record)))
    producer.flush()
    error, record = outcome[0]
    if error is not None:
        raise KafkaException(error)
    print(f"{message['id']} is at sms.outbound, partition {record.partition()}, offset {record.offset()}")


def follow(message_id: str, deadline: float) -> None:
    """Reads results and receipts until this message's are there. What has been dealt with is committed after it has been
    dealt with: after a crash it is read again, so that whatever is done here should bear being done twice (by id)."""
    consumer = Consumer({
        **COMMON,
        "group.id": "sms-client-python",
        "auto.offset.reset": "earliest",  # of a group that is new
        "isolation.level": "read_committed",  # results are written in transactions
        "enable.auto.commit": False,
    })
    consumer.subscribe(["sms.results", "sms.receipts"])
    awaited, got = None, set()  # parts whose final receipt is to come: not known before the result
    try:
        while awaited is None or len(got) < awaited:
            if time.monotonic() > deadline:
                raise RuntimeError("not all came within two minutes")
            records = consumer.consume(num_messages=500, timeout=0.5)
            for record in records:
                if record.error():
                    raise KafkaException(record.error())
                value = json.loads(record.value())
                if value["id"] != message_id:
                    continue
                if record.topic() == "sms.results":
                    if value["status"] != "accepted":
                        raise RuntimeError(f"{value['status']}: {value['error']}")
                    awaited = len(value["parts"])
                    print(f"result: {value['status']}, message_id {value['parts'][0]['message_id']}")
                elif value["final"]:
                    got.add(value["part"])
                    print(f"receipt: part {value['part']} is {value['state']}")
            if records:
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


if __name__ == "__main__":
    try:
        main()
    except ValidationError as error:
        sys.exit(f"client: {error.json_path}: {error.message}")
    except (KafkaException, RuntimeError) as error:
        sys.exit(f"client: {error}")
