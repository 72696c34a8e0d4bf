-- Roles and database for Heyan, run once as a superuser:
--   psql -v owner_password=… -v web_password=… -v worker_password=… -f roles.sql
-- Rights on tables come with the migrations, which run as heyan_owner.
CREATE ROLE heyan_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE heyan_web LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'web_password';
CREATE ROLE heyan_worker LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'worker_password';
CREATE DATABASE heyan OWNER heyan_owner ENCODING 'UTF8' TEMPLATE template0;
\connect heyan
REVOKE ALL ON DATABASE heyan FROM PUBLIC;
GRANT CONNECT ON DATABASE heyan TO heyan_owner, heyan_web, heyan_worker;
ALTER SCHEMA public OWNER TO heyan_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO heyan_web, heyan_worker;
