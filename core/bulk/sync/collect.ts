import { EnrollmentError, failure } from '../../errors.ts'
import type { LearnerRef } from '../../learner/ref.ts'
import type { BulkLine } from '../job.ts'
import type { SourcePage } from '../source.ts'
import { namesInCells } from './named.ts'
import { readLearnerIds, readRuns } from './read.ts'
import type { Roster } from './roster.ts'
import { lineHash } from './line-hash.ts'

/**
 * Reads a list once, to know who is listed in which course runs, and whom lines name that cannot be read.
 *
 * @returns pages without lines.
 * @throws {EnrollmentError} `courseNotFound` for a course run that the job names.
 */
export async function* collect(roster: Roster, pages: AsyncIterable<SourcePage>): AsyncGenerator<SourcePage> {
  const { db, job, runs } = roster
  const keys = job.course_ids
  if (keys !== null) await addRuns(roster, keys)
  const missing = keys?.find((key) => !runs.has(key))
  if (missing !== undefined) throw new EnrollmentError(failure('courseNotFound', { courseId: missing }))
  let namesIn: ReturnType<typeof namesInCells> = () => []
  for await (const { lines, header, warnings } of pages) {
    if (warnings !== undefined) roster.warnings.push(...warnings)
    if (header !== undefined) namesIn = namesInCells(header)
    if (header !== undefined) yield { lines: [], header }
    if (keys === null)
      await addRuns(
        roster,
        lines.flatMap(({ item }) => item?.courseId ?? []),
      )
    await addListed(roster, lines)
    const named = lines.flatMap(({ item, cells = [] }) => (item === null ? namesIn(cells) : []))
    for (const id of await readLearnerIds(db, named)) if (id !== null) roster.faulty.add(id)
  }
}

async function addRuns({ db, runs }: Roster, keys: readonly string[]): Promise<void> {
  const unknown = keys.filter((key) => !runs.has(key))
  if (unknown.length === 0) return
  for (const [key, run] of await readRuns(db, unknown)) runs.set(key, run)
}

async function addListed({ db, listed, runs }: Roster, lines: readonly BulkLine[]): Promise<void> {
  const items = lines.flatMap(({ line, item }) => (item === null ? [] : [{ line, item }]))
  const ids = await readLearnerIds(
    db,
    items.map(({ item }): LearnerRef => item),
  )
  for (const [index, { line, item }] of items.entries()) {
    const [run, learnerId] = [runs.get(item.courseId), ids[index] ?? null]
    if (run !== undefined && learnerId !== null) listed.add({ courseId: run.id, learnerId }, line, lineHash(item))
  }
}
