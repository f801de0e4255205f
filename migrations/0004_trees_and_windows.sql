-- set: documents
-- Ways to find documents by what stands beside their content: children, translations, windows, and
-- whom their own permissions name. Partial: a document without any of it costs nothing.

CREATE INDEX documents_children ON documents (tenant_id, parent_root_id, sort_order, root_id)
  WHERE is_current_draft = 1 AND parent_root_id <> '';

-- Public rows beside a head that has moved on: they hold their parent as well.
CREATE INDEX documents_public_children ON documents (tenant_id, parent_root_id, root_id)
  WHERE is_published = 1 AND is_current_draft = 0 AND parent_root_id <> '';

CREATE UNIQUE INDEX documents_translation ON documents (tenant_id, translation_group_id, locale)
  WHERE is_current_draft = 1 AND deleted_at IS NULL AND translation_group_id <> '';

CREATE INDEX documents_publish_at ON documents (tenant_id, type_id, scheduled_at, root_id)
  WHERE is_published = 1 AND deleted_at IS NULL AND scheduled_at IS NOT NULL;

CREATE INDEX documents_expire_at ON documents (tenant_id, type_id, expires_at, root_id)
  WHERE is_published = 1 AND deleted_at IS NULL AND expires_at IS NOT NULL;

-- The collection of the document, so that what a caller was granted in one is found without a look
-- at the others.
ALTER TABLE document_permissions ADD COLUMN type_id TEXT NOT NULL DEFAULT '';

CREATE INDEX document_permissions_principal
  ON document_permissions (tenant_id, type_id, principal_type, principal_id, permission, effect);

-- What the log holds of one document, to forget it when the document is erased.
CREATE INDEX events_document ON events (document) WHERE data IS NOT NULL;
