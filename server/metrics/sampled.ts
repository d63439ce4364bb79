import { Counter, Gauge, type Registry } from '@prometheus-io/client'

/** A metric whose samples are made when somebody asks for them. */
export interface SampledMetric {
  readonly name: string
  readonly help: string
  /** The names of its labels; none unless given. */
  readonly labels?: readonly string[]
  /** All samples: what is not among them is not there any more. */
  readonly samples: () => Samples | Promise<Samples>
}

type Samples = readonly Sample[]
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>]

/** Adds a value that rises and falls. */
export function addGauge(registry: Registry, { name, help, labels = [], samples }: SampledMetric): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [],
    async collect() {
      const all = await samples()
      gauge.reset()
      for (const [value, of = {}] of all) gauge.set(of, value)
    },
  })
  registry.registerMetric(gauge)
}

/** Adds a number that only grows. */
export function addCounter(registry: Registry, { name, help, labels = [], samples }: SampledMetric): void {
  const counter = new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [],
    async collect() {
      const all = await samples()
      counter.reset()
      for (const [value, of = {}] of all) counter.inc(of, value)
    },
  })
  registry.registerMetric(counter)
}
