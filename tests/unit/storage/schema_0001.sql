-- What the first schema's tables were, with a row in each that matters.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE api_keys (
	tenant VARCHAR(64) NOT NULL,
	id VARCHAR(36) NOT NULL,
	name VARCHAR(200) NOT NULL,
	prefix VARCHAR(16) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	scopes JSON NOT NULL,
	created_at DATETIME NOT NULL,
	revoked_at DATETIME,
	CONSTRAINT pk_api_keys PRIMARY KEY (tenant, id),
	CONSTRAINT fk_api_keys_tenant FOREIGN KEY(tenant) REFERENCES tenants (name),
	CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);
CREATE TABLE audit (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant VARCHAR(64) NOT NULL,
	time DATETIME NOT NULL,
	actor VARCHAR(200) NOT NULL,
	action VARCHAR(64) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	detail JSON NOT NULL,
	CONSTRAINT fk_audit_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
CREATE TABLE config (
	tenant VARCHAR(64) NOT NULL,
	plugin_id VARCHAR(36) NOT NULL,
	settings JSON NOT NULL,
	updated_at DATETIME NOT NULL,
	CONSTRAINT pk_config PRIMARY KEY (tenant, plugin_id),
	CONSTRAINT fk_config_tenant_plugin_id FOREIGN KEY(tenant, plugin_id) REFERENCES plugins (tenant, id) ON DELETE CASCADE,
	CONSTRAINT fk_config_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
INSERT INTO "config" VALUES('default','p1','{"step":5}','2026-11-01 12:00:00.000000');
CREATE TABLE events (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant VARCHAR(64) NOT NULL,
	id VARCHAR(36) NOT NULL,
	topic VARCHAR(200) NOT NULL,
	source VARCHAR(200) NOT NULL,
	time DATETIME NOT NULL,
	correlation_id VARCHAR(200) NOT NULL,
	"key" VARCHAR(256),
	attempt INTEGER NOT NULL,
	data TEXT NOT NULL,
	CONSTRAINT fk_events_tenant FOREIGN KEY(tenant) REFERENCES tenants (name),
	CONSTRAINT uq_events_id UNIQUE (id)
);
CREATE TABLE grants (
	tenant VARCHAR(64) NOT NULL,
	plugin_id VARCHAR(36) NOT NULL,
	permission VARCHAR(512) NOT NULL,
	granted_at DATETIME NOT NULL,
	granted_by VARCHAR(200) NOT NULL,
	CONSTRAINT pk_grants PRIMARY KEY (tenant, plugin_id, permission),
	CONSTRAINT fk_grants_tenant_plugin_id FOREIGN KEY(tenant, plugin_id) REFERENCES plugins (tenant, id) ON DELETE CASCADE,
	CONSTRAINT fk_grants_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
INSERT INTO "grants" VALUES('default','p1','kv:read','2026-11-01 12:00:00.000000','test');
CREATE TABLE kv (
	tenant VARCHAR(64) NOT NULL,
	plugin_id VARCHAR(36) NOT NULL,
	"key" BLOB NOT NULL,
	value BLOB NOT NULL,
	expires_at BIGINT,
	CONSTRAINT pk_kv PRIMARY KEY (tenant, plugin_id, "key"),
	CONSTRAINT fk_kv_tenant_plugin_id FOREIGN KEY(tenant, plugin_id) REFERENCES plugins (tenant, id) ON DELETE CASCADE,
	CONSTRAINT fk_kv_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
INSERT INTO "kv" VALUES('default','p1',X'6E',X'31',NULL);
CREATE TABLE kv_usage (
	tenant VARCHAR(64) NOT NULL,
	plugin_id VARCHAR(36) NOT NULL,
	used_bytes BIGINT NOT NULL,
	used_keys BIGINT NOT NULL,
	CONSTRAINT pk_kv_usage PRIMARY KEY (tenant, plugin_id),
	CONSTRAINT fk_kv_usage_tenant_plugin_id FOREIGN KEY(tenant, plugin_id) REFERENCES plugins (tenant, id) ON DELETE CASCADE,
	CONSTRAINT fk_kv_usage_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
INSERT INTO "kv_usage" VALUES('default','p1',2,1);
CREATE TABLE packages (
	tenant VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	size_bytes BIGINT NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_packages PRIMARY KEY (tenant, digest),
	CONSTRAINT fk_packages_tenant FOREIGN KEY(tenant) REFERENCES tenants (name)
);
INSERT INTO "packages" VALUES('default','d1',9,'2026-11-01 12:00:00.000000');
CREATE TABLE plugins (
	tenant VARCHAR(64) NOT NULL,
	id VARCHAR(36) NOT NULL,
	name VARCHAR(64) NOT NULL,
	plugin_version VARCHAR(128) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	level VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	state_reason TEXT NOT NULL,
	manifest JSON NOT NULL,
	description JSON NOT NULL,
	installed_at DATETIME NOT NULL,
	installed_by VARCHAR(200) NOT NULL,
	updated_at DATETIME NOT NULL,
	schema_version INTEGER NOT NULL,
	migration_path JSON NOT NULL,
	rollback_data JSON,
	health_status VARCHAR(16) NOT NULL,
	last_health_check DATETIME,
	error_count BIGINT NOT NULL,
	total_requests BIGINT NOT NULL,
	avg_response_time FLOAT NOT NULL,
	success_rate FLOAT NOT NULL,
	plugin_metadata JSON NOT NULL,
	version INTEGER NOT NULL,
	CONSTRAINT pk_plugins PRIMARY KEY (tenant, id),
	CONSTRAINT fk_plugins_tenant_digest FOREIGN KEY(tenant, digest) REFERENCES packages (tenant, digest),
	CONSTRAINT fk_plugins_tenant FOREIGN KEY(tenant) REFERENCES tenants (name),
	CONSTRAINT uq_plugins_tenant_name UNIQUE (tenant, name)
);
INSERT INTO "plugins" VALUES('default','p1','counter','1.0.0','d1','restricted','active','','{"name":"counter","version":"1.0.0"}','{}','2026-11-01 12:00:00.000000','test','2026-11-01 12:00:00.000000',1,'[]',NULL,'unknown',NULL,0,0,0.0,1.0,'{}',1);
CREATE TABLE tenants (
	name VARCHAR(64) NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_tenants PRIMARY KEY (name)
);
INSERT INTO "tenants" VALUES('default','2026-11-01 12:00:00.000000');
CREATE INDEX ix_kv_tenant_plugin_id_expires_at ON kv (tenant, plugin_id, expires_at);
CREATE INDEX ix_events_tenant_position ON events (tenant, position);
CREATE INDEX ix_audit_tenant_position ON audit (tenant, position);
COMMIT;
