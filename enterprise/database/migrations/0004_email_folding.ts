import { sql, type Kysely } from 'kysely'

/**
 * Addresses of links compare as those of accounts do, by the function `fold_email` of the core (rest-v1 D21). Of several links
 * of a customer to one address, that which forbids most stays, then an open one, then the oldest; it takes over what the others
 * wait for, of each course run the newest.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table enterprise_merged_links as
  select id, kept from (
    select id, first_value(id) over (partition by fold_email(email), customer_id
      order by is_permanently_unlinked desc, taken_by is null desc, id) as kept
    from enterprise_pending_links
  ) k where id <> kept`,
  `delete from enterprise_pending_enrollments p using (
    select p.id, row_number() over (partition by coalesce(m.kept, p.pending_link_id), p.course_key order by p.id desc) as place
    from enterprise_pending_enrollments p left join enterprise_merged_links m on m.id = p.pending_link_id
    where p.pending_link_id in (select id from enterprise_merged_links union all select kept from enterprise_merged_links)
  ) ranked where p.id = ranked.id and ranked.place > 1`,
  `update enterprise_pending_enrollments p set pending_link_id = m.kept from enterprise_merged_links m where m.id = p.pending_link_id`,
  `delete from enterprise_pending_links k using enterprise_merged_links m where m.id = k.id`,
  `drop table enterprise_merged_links`,

  `alter table enterprise_pending_links drop constraint enterprise_pending_links_email_check`,
  `update enterprise_pending_links set email = fold_email(email) where email <> fold_email(email)`,
  `alter table enterprise_pending_links add constraint enterprise_pending_links_email_check
    check (email = fold_email(btrim(email)) and char_length(email) between 1 and 254)`,

  // Once for a statement, however many accounts it writes. The limit makes it look up the address of each in an index, and
  // all indexes that it can use begin with the address, whatever the sizes of the tables were when the plan was made.
  `create or replace function enterprise_notice_accounts() returns trigger language plpgsql as $$
  begin
    insert into enterprise_arrivals (learner_id)
    select a.id from arrived a
    cross join lateral (
      select from enterprise_pending_links k where k.email = fold_email(a.email) and k.taken_by is null limit 1
    ) open;
    return null;
  end $$`,
]
