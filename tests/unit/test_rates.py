"""Token buckets: a burst, then a pace; one person never pays for another."""

import pytest

from core.errors import RateLimited
from core.rates import BUDGETS, Budget, RateLimits
from realtime.wire.registry import Rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> RateLimits:
    return RateLimits({"send": Budget(per_second=2, burst=3), "read": Budget(per_second=1, burst=1)}, clock=clock)


def take(rates: RateLimits, count: int, user_id: str = "anna", rate: str = "send") -> int:
    taken = 0
    for _ in range(count):
        try:
            rates.take(user_id, rate)
        except RateLimited:
            continue
        taken += 1
    return taken


def test_burst_is_let_through_and_no_more(rates):
    assert take(rates, 10) == 3


def test_pace_after_the_burst(rates, clock):
    take(rates, 10)
    clock.now = 5.0
    assert take(rates, 10) == 3
    clock.now = 5.5
    assert take(rates, 10) == 1


def test_refusal_says_when_to_come_again(rates, clock):
    take(rates, 3)
    with pytest.raises(RateLimited) as refusal:
        rates.take("anna", "send")
    assert refusal.value.retry_after_s == 1
    clock.now = 0.5
    rates.take("anna", "send")


def test_refused_tries_cost_nothing(rates, clock):
    take(rates, 1000)
    clock.now = 0.5
    assert take(rates, 1) == 1


def test_people_and_classes_have_their_own_buckets(rates):
    take(rates, 10)
    assert take(rates, 10, user_id="boris") == 3
    assert take(rates, 10, rate="read") == 1


def test_every_rate_class_has_a_budget():
    assert set(BUDGETS) == {rate.value for rate in Rate}
