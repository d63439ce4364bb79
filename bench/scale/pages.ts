import { encodePageCursor } from '../../core/enrollment/page.ts'
import { encodeSearchCursor, type SearchPosition } from '../../core/enrollment/search.ts'
import type { Population } from './population.ts'

/** Rows of a page: the limit of the REST door, and the default of `search`. */
export const PAGE_SIZE = 100

/** Where a deep page begins. */
export interface DeepPage {
  /** Counted from 1; 1 000 where there are so many. */
  readonly number: number
  readonly searchCursor: string
  readonly restCursor: string
}

/**
 * Finds the thousandth page of all enrollments, or of those of a course, as of now; in a small table the last full one.
 *
 * @param courseId null: of all enrollments.
 */
export async function findDeepPage({ store: { db } }: Population, courseId: string | null): Promise<DeepPage> {
  const matching = db
    .selectFrom('enrollments')
    .$if(courseId !== null, (query) =>
      query.where('course_id', '=', (eb) =>
        eb.selectFrom('courses').select('courses.id').where('course_key', '=', courseId),
      ),
    )
  const { count } = await matching.select((eb) => eb.fn.countAll<string>().as('count')).executeTakeFirstOrThrow()
  const number = Math.min(1000, Math.floor(Number(count) / PAGE_SIZE))
  const before: SearchPosition = await matching
    .select(['created', 'id'])
    .orderBy('created', 'desc')
    .orderBy('id', 'desc')
    .offset((number - 1) * PAGE_SIZE - 1)
    .limit(1)
    .executeTakeFirstOrThrow()
  return {
    number,
    searchCursor: encodeSearchCursor(before),
    restCursor: encodePageCursor({ direction: 'next', from: before }),
  }
}
