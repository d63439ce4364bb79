import type { Actor } from '../../../core/enrollment/command.ts'
import type { LmsSource } from '../../source/source.ts'

/** Who has changed something in the LMS that does not say who. */
export const LMS_ACTOR: Actor = { kind: 'system', name: 'lms' }

/** Accounts whose names are remembered. */
const MAX_NAMES = 100_000

/** Names of the accounts that have changed enrollments; few people change many. */
export interface Actors {
  /** Reads the names of accounts, before they are asked for. */
  know(userIds: Iterable<number | null>): Promise<void>
  /** The account by its name; the LMS itself where nobody knows who it was, or the account is gone. */
  actorOf(userId: number | null): Actor
}

/** Names accounts as the LMS names them now. */
export function actorsOf(source: LmsSource): Actors {
  const names = new Map<number, Actor>()
  return {
    async know(userIds) {
      if (names.size > MAX_NAMES) names.clear()
      const unknown = [...new Set(userIds)].filter((id) => id !== null && !names.has(id))
      if (unknown.length === 0 || (await source.columns('auth_user')).size === 0) return
      const rows = await source.query<{ id: number | string; username: string }>(
        'select id, username from auth_user where id in (?)',
        [unknown],
      )
      for (const { id, username } of rows) if (username !== '') names.set(Number(id), { kind: 'user', name: username })
    },
    actorOf: (userId) => (userId === null ? LMS_ACTOR : (names.get(userId) ?? LMS_ACTOR)),
  }
}
