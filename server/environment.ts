import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError, settingNames, type Environment } from './config.ts'
import { misspelt } from './misspelt.ts'

/**
 * The environment of this process, above what a file `.env` in the working directory says; nothing else in the product
 * looks at either.
 *
 * @throws {ConfigError} for names in the file that look like a setting and are none.
 */
export function processEnvironment(): Environment {
  // oxlint-disable-next-line node/no-process-env -- the one place
  return { ...environmentFile(), ...process.env }
}

function environmentFile(): Environment {
  if (!existsSync('.env')) return {}
  const read = parseEnv(readFileSync('.env', 'utf8'))
  const problems = misspelt(Object.keys(read), settingNames)
  if (problems.length > 0) throw new ConfigError(problems)
  return read
}
