from __future__ import annotations

from uuid import UUID

from orders import feed as feed_module
from orders.feed import Feed
from orders.history import StoredEvent

ORDER = UUID(int=1)


def event(sequence: int) -> StoredEvent:
    return StoredEvent(ORDER, sequence, is_terminal=False, text=str(sequence))


async def test_a_feed_takes_each_event_once_and_in_order():
    feed = Feed()
    feed.cursors[ORDER] = 0

    taken = [feed.offer(event(sequence)) for sequence in (1, 2, 1, 2, 3)]

    assert taken == [True, True, False, False, True]
    assert [(await feed.take()).text for _ in range(3)] == ["1", "2", "3"]


async def test_an_event_that_was_read_before_the_feed_subscribed_leaves_no_gap():
    feed = Feed()
    feed.cursors[ORDER] = 1

    # The hub read it for a socket that had seen 3 while this one asked for all after 1.
    assert not feed.offer(event(4))

    assert all(feed.offer(event(sequence)) for sequence in (2, 3, 4))


async def test_a_feed_that_was_full_goes_on_where_it_stopped():
    feed = Feed(room=2)
    feed.cursors[ORDER] = 0
    assert [feed.offer(event(sequence)) for sequence in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    assert feed.behind

    for expected in ("1", "2"):
        assert (await feed.take()).text == expected
    assert feed.may_resume
    feed.behind = False

    assert not feed.offer(event(4))
    assert feed.offer(event(3))
    assert feed.offer(event(4))


async def test_a_feed_holds_no_more_characters_than_it_has_room_for_or_one_event():
    feed = Feed(room_characters=10)
    feed.cursors[ORDER] = 0

    def offer(sequence: int, length: int) -> bool:
        return feed.offer(StoredEvent(ORDER, sequence, False, "x" * length))

    assert offer(1, 99)  # alone, whatever its length
    assert not offer(2, 1)
    await feed.take()
    assert feed.may_resume
    feed.behind = False

    assert [offer(2, 4), offer(3, 6), offer(4, 1)] == [True, True, False]


async def test_an_answer_takes_room_from_events():
    feed = Feed(room_characters=10)
    feed.cursors[ORDER] = 0
    await feed.reply("x" * 10)

    assert not feed.offer(event(1))
    await feed.take()
    assert feed.may_resume


def ending(order_id: UUID) -> StoredEvent:
    return StoredEvent(order_id, 1, is_terminal=True, text="end")


async def test_a_feed_that_carries_orders_all_day_remembers_a_bounded_number():
    feed = Feed()
    for number in range(3 * feed_module.ENDED_KEPT):
        order_id = UUID(int=number)
        feed.cursors[order_id] = 0
        assert feed.offer(ending(order_id))
        await feed.take()

    assert feed.cursors == {}
    assert len(feed._ended) == feed_module.ENDED_KEPT


async def test_an_order_that_ended_is_known_and_none_of_its_events_is_taken_again():
    feed = Feed()
    feed.cursors[ORDER] = 0
    assert feed.offer(ending(ORDER))

    assert feed.knows(ORDER)
    assert not feed.offer(ending(ORDER))
    assert not feed.offer(event(2))


async def test_the_end_of_an_order_that_found_no_room_is_still_to_come():
    feed = Feed(room=1)
    feed.cursors[ORDER] = 0
    await feed.reply("an answer")
    assert not feed.offer(ending(ORDER))

    await feed.take()
    feed.behind = False
    assert feed.cursors == {ORDER: 0}
    assert feed.offer(ending(ORDER))
