import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { settingNames } from '../../server/config.ts'
import { misspelt } from '../../server/misspelt.ts'

test.for([
  ['DATABSE_URL', 'DATABASE_URL'],
  ['DATABASE_URLS', 'DATABASE_URL'],
  ['DATABAES_UR', 'DATABASE_URL'],
  ['JWT_SECERT', 'JWT_SECRET'],
  ['PROT', 'PORT'],
  ['database_url', 'DATABASE_URL'],
  ['RATE_LIMITS_USER', 'RATE_LIMIT_USER'],
] as const)('%s is taken for %s', ([name, meant]) => {
  expect(misspelt([name], settingNames)).toEqual([`${name} in .env is no setting: is ${meant} meant?`])
})

test.for(['HOME', 'PATH', 'POSTGRES_PASSWORD', 'NODE_ENV', 'DATABASE_NAME', 'TZ'])("%s is somebody else's", (name) => {
  expect(misspelt([name], settingNames)).toEqual([])
})

test('no setting is taken for another', () => expect(misspelt(settingNames, settingNames)).toEqual([]))

test('all of a file are told together, and nothing starts', async () => {
  const cwd = await mkdtemp(join(inject('scratch'), 'env-'))
  await writeFile(join(cwd, '.env'), 'DATABSE_URL=postgresql://u:hush@h/d\nPORT=1\nPROT=2\nOTHER=3\n')
  const main = fileURLToPath(new URL('../../server/main.ts', import.meta.url))
  const ended = promisify(execFile)(process.execPath, [main], { cwd, env: {} })
  const stderr: unknown = await ended.catch((error: Error) => Reflect.get(error, 'stderr'))
  expect(stderr).toBe(
    'Cannot start: The settings cannot be used:\n' +
      '  DATABSE_URL in .env is no setting: is DATABASE_URL meant?\n' +
      '  PROT in .env is no setting: is PORT meant?\n',
  )
})
