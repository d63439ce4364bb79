import type { Command } from 'commander'
import { failedLinesOf } from '../../core/bulk/failed-lines-of.ts'
import type { Database } from '../../core/database/open.ts'
import type { Outcome } from '../../core/enrollment/command.ts'
import { explainRules, type Rule } from '../../core/enrollment/explain.ts'
import { readFacts } from '../../core/enrollment/facts.ts'
import { readEmbargo, readTraces, traceSubject, type Trace, type TraceSubject } from '../../core/enrollment/traces.ts'
import type { Failure } from '../../core/errors.ts'
import type { EnrollmentEvent } from '../../core/event/event.ts'
import type { LearnerRef } from '../../core/learner/ref.ts'
import type { Caller } from '../../routers/caller.ts'
import { enrollCommand } from '../../core/enrollment/item-command.ts'
import { withCaller } from './caller.ts'
import type { Session } from './session.ts'
import { write } from './streams.ts'
import { explanationLines } from './why-lines.ts'
import { learnerAndCourseNamed, withLearnerAndCourse, type NamedOptions } from './who.ts'

interface Options extends NamedOptions {
  readonly mode?: string
  readonly update?: boolean
  readonly force?: boolean
  readonly json?: boolean
}

/** What would become of an enrollment now, and what became of those before. */
export interface Explanation {
  readonly learner: LearnerRef
  readonly courseId: string
  /** The outcome, or the error. Nothing of it is kept. */
  readonly now: { readonly ok: true; readonly outcome: Outcome } | { readonly ok: false; readonly error: Failure }
  /** Every rule that matters, in the order in which they are asked. */
  readonly rules: readonly (Rule | OtherRule)[]
  /** The changes of the enrollment, oldest first. */
  readonly events: readonly EnrollmentEvent[]
  /** What else the service still knows. */
  readonly traces: readonly Trace[]
}

/** What only the REST API looks at. */
interface OtherRule extends Pick<Rule, 'verdict' | 'says'> {
  readonly rule: 'embargo'
}

/** `why`: what would happen to an enrollment now, and what happened to it so far (bulk.md §5). */
export function addWhy(program: Command, session: Session): void {
  const command = withLearnerAndCourse(program.command('why'))
  command
    .summary('say why a learner is or is not enrolled')
    .description(
      `Says what would happen if the learner was enrolled in the course run now, and names each rule that matters with its
facts; then what happened so far: changes, pending rows, allowances, and who did it why. Changes nothing.`,
    )
    .option('--mode <slug>', 'as if this mode was asked for')
    .option('--update', 'as if an enrollment that is there was to be made as asked')
    .option('--force', 'as if past window and invitation')
    .option('--json', 'print one JSON object: {"now", "rules", "events", "traces"}')
    .addHelpText(
      'after',
      `
Examples:
  $ npm run cli -- why bob course-v1:edX+DemoX+2026
  $ npm run cli -- why bob@example.com course-v1:edX+DemoX+2026 --mode verified`,
    )
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const { learner, courseId } = learnerAndCourseNamed(command, first, second, options)
      const { mode, update = false, force = false } = options
      const item = { ...learner, courseId, mode, force, whenEnrolled: whenEnrolled(update) }
      const found = await withCaller(session, (caller, db) => explain(session, { caller, db, learner, item }))
      const text = options.json === true ? `${JSON.stringify(found)}\n` : explanationLines(session.stdout, found)
      await write(session.stdout, text)
    })
}

function whenEnrolled(update: boolean): 'keep' | 'update' {
  return update ? 'update' : 'keep'
}

interface Asked {
  readonly caller: Caller
  readonly db: Database
  readonly learner: LearnerRef
  readonly item: LearnerRef & AskedFields
}

interface AskedFields {
  readonly courseId: string
  readonly mode: string | undefined
  readonly force: boolean
  readonly whenEnrolled: 'keep' | 'update'
}

async function explain(session: Session, { caller, db, learner, item }: Asked): Promise<Explanation> {
  const { courseId } = item
  const { results } = await caller.enrollment.enrollMany({ items: [item], dryRun: true })
  const [result] = results
  if (result === undefined) throw new RangeError('A batch answers each of its items')
  const subject = await traceSubject(db, learner, courseId)
  return {
    learner,
    courseId,
    now: result.ok ? { ok: true, outcome: result.outcome } : { ok: false, error: result.error },
    rules: await rulesOf(session, db, item, subject),
    events: subject === null ? [] : await caller.enrollment.history({ ...learner, courseId }),
    traces: subject === null ? [] : await tracesOf(session, db, subject),
  }
}

async function rulesOf(
  session: Session,
  db: Database,
  item: Asked['item'],
  subject: TraceSubject | null,
): Promise<(Rule | OtherRule)[]> {
  const command = enrollCommand({ ...item, isActive: true })
  const [facts] = await readFacts(db, [command])
  if (facts === undefined) throw new RangeError('Each command has its facts')
  const rules = explainRules(command, facts, session.config().policy, new Date())
  const embargo = subject && (await readEmbargo(db, subject))
  return embargo === null ? rules : [...rules, { rule: 'embargo', verdict: 'notAsked', says: embargo }]
}

async function tracesOf({ extensions }: Session, db: Database, subject: TraceSubject): Promise<Trace[]> {
  const traces = await readTraces(db, subject)
  const { account, email, courseKey } = subject
  const asked = { learnerId: account?.id ?? null, email, courseKey: courseKey.stored }
  for (const { jobId, line, at, message } of await failedLinesOf(db, { account, email, courseId: courseKey.stored })) {
    traces.push({ at, kind: 'bulk job', says: `line ${line} of ${jobId} failed: ${message}` })
  }
  for (const extension of extensions) traces.push(...((await extension.traces?.(db, asked)) ?? []))
  return traces
}
