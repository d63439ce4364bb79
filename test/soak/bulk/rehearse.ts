import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../../core/database/open.ts'
import { createCaller, type Caller } from '../../../routers/index.ts'
import { startServerProcess, type RehearsedServer } from '../server-process.ts'
import { jobsOf, outcomeOf, type RehearsedKind } from './jobs.ts'
import { faultsOf, type JobOutcome } from './verdict.ts'

export interface BulkRehearsal {
  readonly db: Database
  /** Of the same database. */
  readonly connectionString: string
  readonly kind: RehearsedKind
  readonly lines: number
  /** How often the server is killed while the job runs: of several times the first while its lines are read. */
  readonly kills: number
}

export interface BulkReport {
  readonly kind: RehearsedKind
  readonly kills: number
  /** From each kill until another server had gone on with the job. */
  readonly pauseSeconds: readonly number[]
  readonly seconds: { readonly killed: number; readonly undisturbed: number }
  readonly outcome: JobOutcome
  readonly faults: readonly string[]
}

/**
 * Lets servers work on a job and kills them again and again, then lets one work on the same job undisturbed, and compares what came
 * of both.
 */
export async function rehearseBulk({ db, connectionString, kind, lines, kills }: BulkRehearsal): Promise<BulkReport> {
  const caller = createCaller({ db, actor: { kind: 'service', name: 'soak' } })
  const start = () => startServerProcess({ DATABASE_URL: connectionString })
  const undisturbed = async (jobId: string) => {
    await using _server = await start()
    await until(caller, jobId, () => false)
  }
  const newJob = await jobsOf({ db, caller }, kind, { lines, run: undisturbed })

  const first = await newJob()
  await using started = new AsyncDisposableStack()
  const servers: RehearsedServer[] = []
  for (let number = 0; number <= kills; number += 1) {
    const server = await start()
    started.defer(() => server.kill())
    servers.push(server)
    freeze(server)
  }
  const began = performance.now()
  const { jobId } = await first()
  const pauses = await runUnderKills({ db, caller, jobId, servers })
  const killedMs = performance.now() - began
  await started.disposeAsync()

  const second = await newJob()
  const beganAgain = performance.now()
  const other = await second()
  await undisturbed(other.jobId)
  const undisturbedMs = performance.now() - beganAgain

  const outcome = await outcomeOf(db, caller, jobId)
  const faults = faultsOf(outcome, await outcomeOf(db, caller, other.jobId), pauses)
  const seconds = { killed: Math.round(killedMs / 1_000), undisturbed: Math.round(undisturbedMs / 1_000) }
  return { kind, kills: pauses.length, pauseSeconds: pauses, seconds, outcome, faults }
}

interface Killing {
  readonly db: Database
  readonly caller: Caller
  readonly jobId: string
  /** One of them works; each of the others waits, stopped, to take over from the one before it. */
  readonly servers: readonly RehearsedServer[]
}

/** @returns the seconds from each kill until another server had gone on with the job. */
async function runUnderKills({ db, caller, jobId, servers }: Killing): Promise<number[]> {
  const pauses: number[] = []
  const [first, ...spares] = servers
  if (first !== undefined) thaw(first)
  let working = first
  for (const [kill, spare] of spares.entries()) {
    const isReached = await until(caller, jobId, momentOf(kill, spares.length))
    if (!isReached) break
    await sleep(Math.random() * 100)
    await working?.kill()
    const killedAt = performance.now()
    const before = await readMark(db, jobId)
    thaw(spare)
    working = spare
    while (!isFurther(before, await readMark(db, jobId))) await sleep(20)
    pauses.push(Math.round((performance.now() - killedAt) / 100) / 10)
  }
  await until(caller, jobId, () => false)
  return pauses
}

type Job = Awaited<ReturnType<Caller['bulk']['get']>>

/** When a server is killed: of several times first while lines are read, then while they are compared, and then in their midst. */
function momentOf(kill: number, kills: number): (job: Job) => boolean {
  if (kill === 0 && kills > 1) return ({ state }) => state === 'running'
  if (kill === 1 && kills > 2) return ({ phase }) => phase !== 'reading'
  return ({ total, done }) => total !== null && done >= (total * (kill + 0.5)) / (kills + 0.5)
}

/** Waits until something is true of a job; false: it has ended before. */
async function until(caller: Caller, jobId: string, isSo: (job: Job) => boolean): Promise<boolean> {
  for (;;) {
    const job = await caller.bulk.get({ jobId })
    if (job.endedAt !== null) return false
    if (isSo(job)) return true
    await sleep(20)
  }
}

/** How far a job is. */
interface Mark {
  readonly phase: string
  readonly done: number
  /** Somebody has said that they work on it, until then. */
  readonly leased_until: string | null
  readonly ended: string | null
}

function readMark(db: Database, jobId: string): Promise<Mark> {
  return db
    .selectFrom('bulk_jobs')
    .select(['phase', 'done', 'leased_until', 'ended'])
    .where('id', '=', jobId)
    .executeTakeFirstOrThrow()
}

/** Whether somebody has taken a job over and gone on with it; reading and comparing its lines is work that tells of no steps. */
function isFurther(before: Mark, now: Mark): boolean {
  if (now.ended !== null) return true
  return now.leased_until !== before.leased_until && (before.phase !== 'running' || now.done > before.done)
}

function freeze({ pid }: RehearsedServer): void {
  process.kill(pid, 'SIGSTOP')
}

function thaw({ pid }: RehearsedServer): void {
  process.kill(pid, 'SIGCONT')
}
