import { target, type Target } from '../scale/verdict.ts'
import { table } from '../table.ts'

export interface EnterpriseResults {
  readonly batch: Batch
  readonly large: Batch
  readonly oneByOne: readonly OneByOne[]
}

interface Batch {
  readonly rows: number
  readonly milliseconds: number
  readonly statements: number
}

/** A sample of pairs through the REST door. */
interface OneByOne {
  readonly connections: number
  readonly sample: number
  readonly rowsPerSecond: number
}

/** Holds the results against what is needed on two processors. */
export function verdict({ batch, large }: EnterpriseResults): Target[] {
  return [secondsOf(batch, 1), secondsOf(large, 30)]
}

/** The results for a person. */
export function report(results: EnterpriseResults): string {
  const { batch, large, oneByOne } = results
  const calls = [batch, large].map(({ rows, milliseconds, statements }) => [
    `${rows} rows in one call`,
    `${seconds(milliseconds)} s`,
    rate((rows * 1000) / milliseconds),
    `${statements} statements`,
  ])
  const requests = oneByOne.map(({ connections, sample, rowsPerSecond }) => [
    `${large.rows} REST requests, ${connections} at a time`,
    `${seconds((large.rows * 1000) / rowsPerSecond)} s`,
    rate(rowsPerSecond),
    `reckoned from ${sample}; ${ratio(large, rowsPerSecond)} × the time of one call`,
  ])
  const targets = verdict(results).map(({ name, limit, met }) => `${name} < ${limit}: ${met ? 'met' : 'MISSED'}\n`)
  return `${table([['what', 'time', 'rows/s', ''], ...calls, ...requests])}\n${targets.join('')}`
}

function secondsOf({ rows, milliseconds }: Batch, limit: number): Target {
  return target(`${rows} rows in one call: s`, milliseconds / 1000, limit)
}

function ratio({ rows, milliseconds }: Batch, rowsPerSecond: number): string {
  return ((rows * 1000) / milliseconds / rowsPerSecond).toFixed(1)
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2)
}

function rate(rowsPerSecond: number): string {
  return Math.round(rowsPerSecond).toString()
}
