import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import type { Measurement } from './load.ts'

/** Adds to a measurement what it took of the processors. */
export type ProcessorClock = (work: () => Promise<Measurement>) => Promise<Measurement>

/**
 * A clock for this process and for the PostgreSQL that runs on the same machine.
 *
 * Where the system tells nothing of other processes (`/proc` of Linux), only this one is known.
 */
export async function openProcessorClock(pool: pg.Pool): Promise<ProcessorClock> {
  const postmaster = await findPostmaster(pool)
  return async (work) => {
    const postgresBefore = await timeOfPostgres(postmaster)
    const before = process.cpuUsage()
    const measurement = await work()
    const { user, system } = process.cpuUsage(before)
    const postgres = (await timeOfPostgres(postmaster)) - postgresBefore
    const { rows } = measurement
    if (rows === undefined) return measurement
    return {
      ...measurement,
      processor: {
        ...measurement.processor,
        service: (user + system) / rows,
        ...(!Number.isNaN(postgres) && { postgres: postgres / rows }),
      },
    }
  }
}

/** Of this process alone, as the load; for a load generator. */
export async function withLoadTime(work: () => Promise<Measurement>): Promise<Measurement> {
  const before = process.cpuUsage()
  const measurement = await work()
  const { user, system } = process.cpuUsage(before)
  const { rows } = measurement
  return rows === undefined ? measurement : { ...measurement, processor: { load: (user + system) / rows } }
}

/** The parent of a process that serves a connection. */
async function findPostmaster(pool: pg.Pool): Promise<number | undefined> {
  const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  const stat = await readFile(`/proc/${rows[0]?.pid}/stat`, 'utf8').catch(() => undefined)
  // Where PostgreSQL runs on another machine, the number is that of some other process here, or of none.
  return stat?.includes('(postgres)') ? Number(fieldsOf(stat)[PARENT]) : undefined
}

/** Microseconds of the postmaster, of its children, and of those that have ended; NaN where that is not to be found out. */
async function timeOfPostgres(postmaster: number | undefined): Promise<number> {
  if (postmaster === undefined) return Number.NaN
  const directory = `/proc/${postmaster}`
  const children = await readFile(`${directory}/task/${postmaster}/children`, 'utf8').catch(() => undefined)
  const stat = await readFile(`${directory}/stat`, 'utf8').catch(() => '')
  if (children === undefined) return Number.NaN
  const running = [String(postmaster), ...children.trim().split(' ')].filter((pid) => pid !== '')
  const times = await Promise.all(running.map((pid) => timeOnProcessor(Number(pid))))
  const fields = fieldsOf(stat)
  const ofEnded = (Number(fields[CHILDREN_USER]) + Number(fields[CHILDREN_SYSTEM])) * TICK
  return times.reduce((sum, time) => sum + time, ofEnded)
}

/** Microseconds of a process of one thread; 0 when it is over. */
async function timeOnProcessor(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '0')
  return Number(text.split(' ')[0]) / 1000
}

/** The fields of `/proc/…/stat` from the third one on: the second is a name in parentheses, which may hold anything. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Their places, counted from the third field: see proc_pid_stat(5). */
const PARENT = 1
const CHILDREN_USER = 13
const CHILDREN_SYSTEM = 14

/** Microseconds of the unit in which Linux tells time there, 100 a second on all its usual platforms. */
const TICK = 10_000
