import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { Difference as OwnersDifference } from '../owner/differences.ts'
import type { Comparison } from '../owner/open-comparison.ts'
import { openLmsSource } from '../source/source.ts'
import { compareCourseRuns } from './compare.ts'
import type { Difference, Side } from './difference.ts'

/** Opens what `lms owner` asks whether both sides agree, by what `lms compare` does. */
export async function openComparison(db: Kysely<DB>, lmsDatabaseUrl: string): Promise<Comparison> {
  const source = await openLmsSource(lmsDatabaseUrl)
  return {
    async differencesOf(courseIds) {
      const found: OwnersDifference[] = []
      const onDifference = (difference: Difference) => void found.push(inWords(difference))
      await compareCourseRuns(db, source, courseIds, { onDifference })
      return found
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

function inWords({ courseId, username, userId, is, here, there, in: differing }: Difference): OwnersDifference {
  const name = username ?? `the account ${userId ?? 'that is missing'}`
  return { courseId, username: name, what: is === 'different' ? differing.map(words).join(', ') : onlyOne[is] }

  function words(what: Difference['in'][number]): string {
    if (what === 'attributes') return 'attributes'
    return `${what}: ${sideOf[what](here)} here, ${sideOf[what](there)} in the LMS`
  }
}

const onlyOne = { onlyThere: 'only in the LMS', onlyHere: 'only here' }

const sideOf = {
  mode: (side: Side | null) => side?.mode ?? 'none',
  activity: (side: Side | null) => (side?.isActive === true ? 'active' : 'inactive'),
}
