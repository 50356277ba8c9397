"""Topology: every queue a scheme needs, by the names everyone uses, with arguments that keep what is promised."""

from routing import topology
from routing.topology import DEAD_ARGUMENTS, DELIVERY_LIMIT, EXCHANGE_TYPES, INQUIRY_EXPIRY_MS, Queue


def test_a_scheme_without_connections_still_hears_outcomes() -> None:
    assert topology.queues([]) == [Queue("outcomes", "outcomes", durable=True)]


def test_each_connection_has_a_queue_for_money_and_another_for_questions() -> None:
    assert topology.queues(["blue", "green"]) == [
        Queue("outcomes", "outcomes", durable=True),
        Queue("instructions.blue", "instructions", durable=True),
        Queue("inquiries.blue", "inquiries", durable=False),
        Queue("instructions.green", "instructions", durable=True),
        Queue("inquiries.green", "inquiries", durable=False),
    ]
    assert topology.instructions("blue") == "instructions.blue"
    assert topology.inquiries("blue") == "inquiries.blue"


def test_every_queue_hangs_on_a_known_exchange() -> None:
    assert {queue.exchange for queue in topology.queues(["blue"])} <= set(EXCHANGE_TYPES)


def test_a_queue_of_money_is_replicated_and_its_dead_letters_are_not_lost() -> None:
    arguments = Queue("instructions.blue", "instructions", durable=True).arguments
    assert arguments["x-queue-type"] == "quorum"
    assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
    assert arguments["x-dead-letter-strategy"] == "at-least-once"
    assert arguments["x-overflow"] == "reject-publish"
    assert "x-message-ttl" not in arguments


def test_the_delivery_limit_leaves_judgement_to_the_database() -> None:
    assert DELIVERY_LIMIT > 20


def test_a_question_expires_and_is_never_a_dead_letter() -> None:
    arguments = Queue("inquiries.blue", "inquiries", durable=False).arguments
    assert arguments["x-message-ttl"] == INQUIRY_EXPIRY_MS
    assert "x-dead-letter-exchange" not in arguments


def test_dead_letters_stay_however_often_an_operator_looks_at_them() -> None:
    assert DEAD_ARGUMENTS["x-delivery-limit"] >= 1_000_000
    assert "x-message-ttl" not in DEAD_ARGUMENTS
