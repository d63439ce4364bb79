import type { Kysely } from 'kysely'
import type { DB } from '../../../core/database/schema.ts'
import type { Caller } from '../../../routers/index.ts'
import { addLearners, type SeededLearner } from '../../support/seed.ts'
import { enrollmentInWords } from '../../support/world.ts'

type Four = [SeededLearner, SeededLearner, SeededLearner, SeededLearner]

/** Learners of the tests of rosters and undoing, and what becomes of them in a course run. */
export function learnersOf(db: Kysely<DB>, { enrollment }: Pick<Caller, 'enrollment'>) {
  return {
    async four(): Promise<Four> {
      return (await addLearners(db, 4)) as Four // As many as were asked for.
    },
    async enrollAll(courseId: string, learners: readonly SeededLearner[]): Promise<void> {
      for (const item of named(courseId, learners)) await enrollment.enroll(item)
    },
    wordsOf(courseId: string, learners: readonly SeededLearner[]) {
      return Promise.all(learners.map(({ id }) => enrollmentInWords(db, id, courseId)))
    },
  }
}

/** An item for each learner. */
export function named(courseId: string, learners: readonly SeededLearner[]) {
  return learners.map(({ username }) => ({ username, courseId }))
}
