import type { Policy } from '../core/policy.ts'
import type { Config } from './config.ts'
import type { Extension } from './extension.ts'

/** What the site decides, with a filter that fails told to the log, and with what its extensions know of funding. */
export function sitePolicy(
  { policy }: Pick<Config, 'policy'>,
  log: { error(fields: object, message: string): void },
  extensions: readonly Extension[],
): Policy {
  return {
    funding: extensions.flatMap(({ funding = [] }) => funding),
    onFilterError: (filter, err) => log.error({ filter: filter.name, err }, 'enrollment filter failed'),
    ...policy,
  }
}
