"""What one process knows about revoked tokens, disabled users and limits of single users. Only in memory.

Does not read the database; `app/auth/account_changes.py` keeps it up to date.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.auth.principal import Principal
from app.persistence.account_changes import UserState
from app.persistence.revocations import FAMILY, TOKEN, USER, Revocation
from app.user_limits import OwnLimits


@dataclass(slots=True)
class AccountView:
    """Revocations by subject, each with the time from which it may be dropped, in Unix seconds.

    `change_number` is that of the newest change read; all before it were read too. `local_changes` are
    this process's own changes of users after that, in their order.
    """

    tokens: dict[str, float] = field(default_factory=dict)
    families: dict[str, float] = field(default_factory=dict)
    users: dict[str, tuple[float, float]] = field(default_factory=dict)  # not after, drop at
    disabled_users: set[str] = field(default_factory=set)
    own_limits: dict[str, OwnLimits] = field(default_factory=dict)
    change_number: int = 0
    local_changes: list[UserState] = field(default_factory=list)

    def is_revoked(self, principal: Principal) -> bool:
        if principal.token_id in self.tokens or principal.user_id in self.disabled_users:
            return True
        if principal.family_id in self.families:
            return True
        user = self.users.get(principal.user_id)
        return user is not None and principal.issued_at <= user[0]

    def add_revocations(self, revocations: Iterable[Revocation]) -> None:
        for revocation in revocations:
            drop_at = revocation.expires_at.timestamp()
            if revocation.kind == TOKEN:
                self.tokens[revocation.subject] = drop_at
            elif revocation.kind == FAMILY:
                self.families[revocation.subject] = drop_at
            elif revocation.kind == USER:
                self._revoke_user(revocation.subject, revocation.not_after.timestamp(), drop_at)

    def set_users(self, states: Iterable[UserState]) -> None:
        for state in states:
            if state.own_limits:
                self.own_limits[state.user_id] = state.own_limits
            else:
                self.own_limits.pop(state.user_id, None)
            if state.is_disabled:
                self.disabled_users.add(state.user_id)
            else:
                self.disabled_users.discard(state.user_id)

    def apply_local(self, states: Iterable[UserState]) -> None:
        """Changes of this process that it has not read yet. It may have read a newer one already."""
        self.local_changes += states
        self._reapply_local()

    def advance(self, change_number: int) -> None:
        """Every change up to `change_number` has been added."""
        self.change_number = change_number
        self._reapply_local()

    def inherit(self, before: "AccountView") -> None:
        """Replace `before` without losing a revocation, whatever the database says now."""
        self.tokens = before.tokens | self.tokens
        self.families = before.families | self.families
        for user_id, (not_after, drop_at) in before.users.items():
            self._revoke_user(user_id, not_after, drop_at)
        self.apply_local(before.local_changes)

    def drop_expired(self, now: float) -> None:
        """Drop what is not needed after `now`, in Unix seconds."""
        self.tokens = {subject: until for subject, until in self.tokens.items() if until > now}
        self.families = {subject: until for subject, until in self.families.items() if until > now}
        self.users = {subject: both for subject, both in self.users.items() if both[1] > now}

    def _reapply_local(self) -> None:
        newer = (state for state in self.local_changes if state.change_number > self.change_number)
        self.local_changes = sorted(newer, key=lambda state: state.change_number)
        self.set_users(self.local_changes)

    def _revoke_user(self, user_id: str, not_after: float, drop_at: float) -> None:
        known_not_after, known_drop_at = self.users.get(user_id, (not_after, drop_at))
        self.users[user_id] = max(not_after, known_not_after), max(drop_at, known_drop_at)
