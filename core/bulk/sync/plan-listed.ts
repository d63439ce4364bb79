import { plainCommand, type BatchItem } from '../../enrollment/command.ts'
import { readFacts, type ReadFacts } from '../../enrollment/facts.ts'
import { planBatch } from '../../enrollment/plan.ts'
import { failure, type Failure } from '../../errors.ts'
import { missingCohorts } from '../cohorts.ts'
import type { BulkItem, BulkLine } from '../job.ts'
import { listedPlan, rosterCommand, type RosterPlan } from './plan.ts'
import type { Roster } from './roster.ts'

/** A line that has an item, as it is planned: with its plan, or why it cannot be. */
interface Draft {
  readonly line: BulkLine
  readonly item: BulkItem
  readonly facts: ReadFacts
  readonly plan: RosterPlan
  readonly error: Failure | null
}

/**
 * Plans the lines of a page by the rules of enrollment. Nothing is written; the seats that lines before them take and free are
 * counted.
 */
export async function planListed(roster: Roster, lines: readonly BulkLine[]): Promise<BulkLine[]> {
  const drafts = (await draftsOf(roster, lines)).values()
  const planned = lines.map((line) =>
    line.item === null || line.error !== undefined ? null : (drafts.next().value ?? null),
  )
  decideAll(
    roster,
    planned.flatMap((draft) => (draft === null || draft.error !== null ? [] : [draft])),
  )
  return lines.map((line, index) => {
    const draft = planned[index] ?? null
    if (draft === null) return line
    return draft.error === null ? { ...line, plan: draft.plan } : { ...line, error: draft.error }
  })
}

async function draftsOf(roster: Roster, lines: readonly BulkLine[]): Promise<Draft[]> {
  const open = lines.flatMap((line) =>
    line.item === null || line.error !== undefined ? [] : [{ line, item: line.item }],
  )
  if (open.length === 0) return []
  const facts = await readFacts(
    roster.db,
    open.map(({ item }) => ({ ...plainCommand, learner: item, courseId: item.courseId, path: 'enroll' })),
  )
  const cohorts = await missingCohorts(
    roster.db,
    open.map(({ line }) => line),
  )
  return open.map(({ line, item }, index) => {
    const read = facts[index]
    if (read === undefined) throw new RangeError('Each command has its facts')
    const plan = listedPlan(item, { userId: read.learner?.userId, enrollment: read.enrollment })
    return { line, item, facts: read, plan, error: refusalOf(roster, line.line, item, read) ?? cohorts[index] ?? null }
  })
}

/** Why a line is not carried out whatever the rules of enrollment say. */
function refusalOf(
  { listed, runs }: Roster,
  line: number,
  item: BulkItem,
  { learner, course }: ReadFacts,
): Failure | null {
  if (item.isActive === false) {
    return failure('invalidLine', { problem: 'A roster lists who is enrolled: leave out who is not.' })
  }
  if (course === null) return null
  if (!runs.has(item.courseId)) {
    return failure('invalidLine', { problem: `The course run '${item.courseId}' is none of this roster.` })
  }
  const lines = learner === null ? null : listed.linesOf({ courseId: course.id, learnerId: learner.id })
  if (lines === null) return null
  if (lines.other !== null)
    return failure('contradictingLine', { line: line === lines.first ? lines.other : lines.first })
  return line === lines.first ? null : failure('duplicateLine', { line: lines.first })
}

function decideAll({ job, policy, fingerprint, freed }: Roster, drafts: readonly Draft[]): void {
  const metadata = { actor: { kind: 'system', name: 'plan' }, via: 'bulk', now: new Date() } as const
  const items = drafts.map(({ item, plan }): BatchItem => ({
    command: rosterCommand(item, plan, job.reason),
    metadata,
  }))
  const facts = drafts.map(({ facts: read }) => {
    const free = read.course === null ? 0 : (freed.get(read.course.id) ?? 0)
    return free === 0 ? read : { ...read, seatsTaken: read.seatsTaken - free }
  })
  const { decisions } = planBatch(items, facts, policy)
  for (const [index, decision] of decisions.entries()) {
    const { learner, course, enrollment, courseKey } = drafts[index]?.facts ?? {}
    if (!decision.ok || !learner || !course || !courseKey) continue
    if (decision.seats !== 0) freed.set(course.id, (freed.get(course.id) ?? 0) - decision.seats)
    const { kind, after } = decision
    if (kind === 'unchanged') continue
    const before = enrollment ? { mode: enrollment.mode, isActive: enrollment.isActive } : null
    fingerprint.add({ userId: learner.userId, courseId: courseKey.stored, kind, before, after })
  }
}
