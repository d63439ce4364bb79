import { ConfigError, readServerConfig, settingNames, type Config } from '../../server/config.ts'

/** Settings by the names of the environment (run §2), e.g. `{ DATABASE_URL, PORT: 0 }`. Those left out have their defaults. */
export type ServerSettings = Readonly<Record<string, string | number | undefined>>

/**
 * Reads settings as those of the environment are read. The environment of this process has no part in it.
 *
 * @throws {ConfigError} with all problems at once, names that are no setting among them.
 */
export function readSettings(settings: ServerSettings): Config {
  const unknown = Object.keys(settings).filter((name) => !settingNames.includes(name))
  if (unknown.length > 0) throw new ConfigError(unknown.map((name) => `${name} is not the name of a setting`))
  const entries = Object.entries(settings).map(([name, value]) => [name, value === undefined ? value : String(value)])
  return readServerConfig(Object.fromEntries(entries))
}
