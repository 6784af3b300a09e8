"""Sources of downloads: HTTP, Google Drive, Huawei's object store."""
