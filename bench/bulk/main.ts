import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createCaller } from '../../routers/index.ts'
import { startChild } from '../child.ts'
import { median, type Measurement } from '../load.ts'
import { openProcessorClock } from '../processor-time.ts'
import { enrollAll, itemsOf } from '../stream.ts'
import { createWorld } from '../world.ts'
import { enrollBeside, waitsOf } from './beside.ts'
import { followTenths } from './tenths.ts'
import { putUp } from './upload.ts'
import type { WorkerAnswer, WorkerQuestion } from './worker.ts'

/**
 * Compares a bulk job of a CSV file, which a process of its own works on, with `enrollStream` of as many rows: rate, processor
 * time, and of the job its rate and memory in tenths, and how long a job of ten lines behind it takes.
 *
 * `--lines` (200000) is the size, `--rounds` (1) how often both are run, one after the other. `--undo` takes the last job back, while
 * other learners are enrolled in its course runs.
 */
const { values: options } = parseArgs({
  options: {
    lines: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '1' },
    undo: { type: 'boolean', default: false },
  },
})
const [lines, rounds] = [Number(options.lines), Number(options.rounds)]
const [LEARNERS, OTHERS] = [10_000, 1_000]

await using world = await createWorld({ learners: LEARNERS + OTHERS })
const { db, pool, connectionString } = world
const [usernames, others] = [world.usernames.slice(0, LEARNERS), world.usernames.slice(LEARNERS)]
const caller = createCaller({ db, actor: { kind: 'service', name: 'bench' } })
const clock = await openProcessorClock(pool)
const worker = startChild<WorkerQuestion, WorkerAnswer>(new URL('./worker.ts', import.meta.url))

await enrollAll(caller, itemsOf(usernames, await courses(), Math.min(lines, 20_000)))
const ratios: number[] = []
let last = { jobId: '', keys: [] as string[] }
for (let round = 0; round < rounds; round += 1) {
  const keys = await courses()
  const stream = await measured(() => enrollAll(caller, itemsOf(usernames, keys, lines)))
  tell('enrollStream', stream)

  last = { jobId: '', keys: await courses() }
  const uploadId = await putUp(db, itemsOf(usernames, last.keys, lines))
  const before = await worker.ask({ connectionString })
  const job = await measured(async () => {
    const { jobId } = await caller.bulk.start({ source: { uploadId } })
    last.jobId = jobId
    await followTenths({ caller, worker, jobId, connectionString, tenLines })
  })
  const service = ((await worker.ask({ connectionString })).microseconds - before.microseconds) / lines
  tell('bulk job', { ...job, processor: { ...job.processor, service } })
  ratios.push(job.throughput / stream.throughput)
  console.log(`job / enrollStream: ${ratios.at(-1)?.toFixed(2)}\n`)
}
console.log(`job / enrollStream, median of ${rounds}: ${median(ratios).toFixed(2)}`)
if (options.undo) await undo()
await worker[Symbol.asyncDispose]()

/** Takes the last job back; who is enrolled meanwhile waits for as long as before. */
async function undo(): Promise<void> {
  const items = itemsOf(others, last.keys, Infinity)
  console.log(`\nlearners enrolled alone: ${waitsOf(await enrollBeside(caller, items, () => sleep(10_000)))}`)
  const work = async () => {
    const { jobId } = await caller.bulk.undo({ jobId: last.jobId })
    await followTenths({ caller, worker, jobId, connectionString, tenLines })
  }
  const began = performance.now()
  const waits = await enrollBeside(caller, items, work)
  console.log(
    `undone in ${((performance.now() - began) / 1000).toFixed(1)} s; learners enrolled meanwhile: ${waitsOf(waits)}`,
  )
}

async function courses(): Promise<string[]> {
  const keys: string[] = []
  for (let at = 0; at < lines; at += LEARNERS) keys.push(await world.newCourse())
  return keys
}

/** @returns seconds that a job of ten lines takes. */
async function tenLines(): Promise<number> {
  const courseId = await world.newCourse()
  const items = usernames.slice(0, 10).map((username) => ({ username, courseId }))
  const began = performance.now()
  const { jobId } = await caller.bulk.start({ source: { items } })
  for await (const { data } of caller.bulk.watch({ jobId })) if (data.endedAt !== null) break
  return (performance.now() - began) / 1000
}

function measured(work: () => Promise<void>): Promise<Measurement> {
  return clock(async () => {
    const began = performance.now()
    await work()
    const throughput = (lines * 1000) / (performance.now() - began)
    return { throughput, p50Ms: Number.NaN, p99Ms: Number.NaN, rows: lines }
  })
}

function tell(what: string, { throughput, processor }: Measurement): void {
  const { service = 0, postgres = Number.NaN } = processor ?? {}
  const time = `${(lines / throughput).toFixed(1)} s, ${throughput.toFixed(0)} lines a second`
  console.log(`${what}: ${time}; a line ${service.toFixed(1)} µs here, ${postgres.toFixed(1)} µs in PostgreSQL`)
}
