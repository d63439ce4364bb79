/** What decides who an account is. */
export interface Identity {
  readonly username: string
  readonly userId: number
  /** Whether the LMS knows the account by this id; otherwise it was drawn here. */
  readonly isIdOfLms: boolean
}

/** Whose names somebody brings. */
export interface Identified<A extends Identity> {
  /** Null: nobody's yet. */
  readonly account: A | null
  /** Another account that has the id, drawn here, and has to get a new one; null: nobody. */
  readonly displaced: A | null
}

/** The names belong to two accounts, or to one with another id. */
export interface Conflict {
  /** For a person. */
  readonly conflict: string
}

/**
 * Finds out whom a username and an id of the LMS mean (run §3, Identity). A known id decides: its account is renamed. An account
 * with an id that was drawn here takes over the one that is brought for its username. Two accounts never become one. Pure.
 *
 * @param brought.userId null: only the username is known.
 * @param found who has the username, and who has the id.
 */
export function identify<A extends Identity>(
  { username, userId }: { readonly username: string; readonly userId: number | null },
  { byUsername, byUserId }: { readonly byUsername: A | undefined; readonly byUserId: A | undefined },
): Identified<A> | Conflict {
  if (userId === null) return { account: byUsername ?? null, displaced: null }
  if (byUsername?.isIdOfLms && byUsername.userId !== userId) {
    return { conflict: `the account '${username}' has the id ${byUsername.userId}, not ${userId}` }
  }
  if (byUserId === undefined || byUserId === byUsername) return { account: byUsername ?? null, displaced: null }
  if (!byUserId.isIdOfLms) return { account: byUsername ?? null, displaced: byUserId }
  if (byUsername === undefined) return { account: byUserId, displaced: null }
  return { conflict: `the id ${userId} is that of the account '${byUserId.username}', and '${username}' is another` }
}
