import { startOptions, type Checkout } from './checkout.ts'
import { startChild } from './child.ts'
import type { Measurement } from './load.ts'
import type { Facts, MeasureDescription } from './measures/measure.ts'
import type { SideAnswer, SideQuestion } from './side.ts'

/** A checkout that is measured. */
export interface Side extends AsyncDisposable {
  readonly version: string
  /** What it can measure. */
  readonly measures: readonly MeasureDescription[]
  run(measure: string, total: number): Promise<Measurement>
  facts(measure: string): Promise<Facts>
}

export interface SideOptions {
  /** Of a superuser of the PostgreSQL that all sides share. */
  readonly server: string
  /** The name of the database that is made for it. */
  readonly database: string
  readonly learners: number
}

/** Starts the process of a checkout and fills its database. */
export async function startSide(checkout: Checkout, options: SideOptions): Promise<Side> {
  await using undo = new AsyncDisposableStack()
  const file = new URL('./side.ts', import.meta.url)
  const child = undo.use(startChild<SideQuestion, SideAnswer>(file, startOptions(checkout)))
  const measures = (await child.ask({ ask: 'open', ...options })) as MeasureDescription[]
  const ask = async (question: Exclude<SideQuestion, { ask: 'open' }>) => {
    try {
      return await child.ask(question)
    } catch (error) {
      throw new Error(`${question.measure} of ${checkout.version} has failed`, { cause: error })
    }
  }
  const stack = undo.move()
  return {
    version: checkout.version,
    measures,
    // `side.ts` says which answer belongs to which question.
    run: async (measure, total) => (await ask({ ask: 'run', measure, total })) as Measurement,
    facts: async (measure) => (await ask({ ask: 'facts', measure })) as Facts,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
