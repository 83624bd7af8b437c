# Vault Agent logs in, reads the account's token, and keeps the file `drive.header` fresh:
#
#   vault agent -config=agent.hcl
#   curl -H @drive.header https://www.googleapis.com/drive/v3/files
#
# KV secrets have no lease, so the agent looks again every `static_secret_render_interval`. Tokens are refreshed ten minutes
# or more before they die: one minute is quick enough for tokens that live five.

vault {
  address = "http://127.0.0.1:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "role-id"
      secret_id_file_path                 = "secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  static_secret_render_interval = "1m"
  exit_on_retry_failure         = true
}

template {
  source      = "drive.header.ctmpl"
  destination = "drive.header"
  perms       = "0600"

  # A token that is not there must not leave the last one in place in silence.
  error_on_missing_key = true
}
