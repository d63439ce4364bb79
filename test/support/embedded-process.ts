import { Client } from 'pg'
import { startEmbeddedDatabase, type EmbeddedDatabaseOptions } from '../../embedded/start.ts'

// A process that uses an embedded database: it prints one line of JSON when it has it, one more whenever it has been told of
// another process, and does on a signal what tests need of processes. Its one argument is the options as JSON.
const options = JSON.parse(process.argv[2] ?? '') as EmbeddedDatabaseOptions // our own tests write it

process.on('SIGINT', () => {}) // as a server does that ends what it is doing first
process.once('SIGTERM', () => void database.then((started) => started.stop()))
process.once('SIGUSR2', () => process.exit(0))
process.once('SIGHUP', () => {
  throw new Error('planted')
})

const emit = Reflect.get(Client.prototype, 'emit')
Reflect.set(Client.prototype, 'emit', function (this: Client, ...event: Parameters<typeof emit>) {
  const isHeard = Reflect.apply(emit, this, event)
  // Not before it has the database.
  if (event[0] === 'notification') database.then(() => console.log('{}')).catch(() => {})
  return isHeard
})

const database = startEmbeddedDatabase(options)
try {
  const { connectionString, joined } = await database
  console.log(JSON.stringify({ connectionString, joined }))
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }))
}
