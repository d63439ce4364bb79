import type { FastifyInstance } from 'fastify'
import { PrivateRequest } from '../../server/listeners.ts'

/** What a server says of itself. */
export interface Scrape {
  /** The names of all metrics, those without a sample too. */
  readonly names: ReadonlySet<string>
  /**
   * The sum of the samples of a name whose labels have these values; undefined: there is none. Of a histogram the name with
   * `_count`, `_sum` or `_bucket`.
   */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined
  /** The values that a label of a metric has, sorted. */
  labels(name: string, label: string): string[]
}

/** Asks a server for its metrics. */
export async function scrape(app: FastifyInstance): Promise<Scrape> {
  const answer = await app.inject({ url: '/metrics', Request: PrivateRequest })
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${answer.body}`)
  return readExposition(answer.body)
}

/** Reads the text format of Prometheus, as far as we write it. */
export function readExposition(text: string): Scrape {
  const lines = text.split('\n')
  const names = new Set(lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []))
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#')).map(readSample)
  return {
    names,
    value(name, labels = {}) {
      const wanted = Object.entries(labels)
      const found = samples.filter(
        (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels.get(label) === value),
      )
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0)
    },
    labels(name, label) {
      const values = samples.filter((sample) => sample.name === name).map(({ labels }) => labels.get(label) ?? '')
      return [...new Set(values)].toSorted()
    },
  }
}

function readSample(line: string): { name: string; labels: ReadonlyMap<string, string>; value: number } {
  const [, name = '', text = '', value = ''] = /^([\w:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === '') throw new Error(`No sample: ${line}`)
  const labels = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = '', of = '']) => [label, of] as const)
  return { name, labels: new Map(labels), value: Number(value.replace('Inf', 'Infinity')) }
}
