"""What a process knows about accounts, in whatever order it reads the changes."""

from app.auth.account_view import AccountView
from app.persistence.account_changes import UserState


def state(change_number: int, *, is_disabled: bool, user_id: str = "usr_1") -> UserState:
    return UserState(user_id, is_disabled, {}, change_number)


def test_own_change_does_not_undo_a_newer_one_that_was_read_first() -> None:
    view = AccountView()
    view.set_users([state(6, is_disabled=True)])
    view.advance(6)
    view.apply_local([state(5, is_disabled=False)])
    assert view.disabled_users == {"usr_1"}


def test_own_changes_end_in_the_order_of_their_commits() -> None:
    view = AccountView()
    view.apply_local([state(7, is_disabled=True)])
    view.apply_local([state(6, is_disabled=False)])
    assert view.disabled_users == {"usr_1"}


def test_own_change_outlives_an_older_one_that_is_read_later() -> None:
    view = AccountView()
    view.apply_local([state(7, is_disabled=True)])
    view.set_users([state(5, is_disabled=False)])
    view.advance(6)
    assert view.disabled_users == {"usr_1"}
    view.set_users([state(8, is_disabled=False)])
    view.advance(8)
    assert not view.disabled_users
    assert not view.local_changes


def test_view_inherits_revocations_and_local_changes() -> None:
    before, after = AccountView(tokens={"tok_1": 1.0}, families={"fam_1": 1.0}), AccountView()
    before.users["usr_2"] = (5.0, 9.0)
    after.users["usr_2"] = (4.0, 10.0)
    before.apply_local([state(7, is_disabled=True)])
    after.advance(6)
    after.inherit(before)
    assert (after.tokens, after.families) == ({"tok_1": 1.0}, {"fam_1": 1.0})
    assert after.users == {"usr_2": (5.0, 10.0)}
    assert after.disabled_users == {"usr_1"}
