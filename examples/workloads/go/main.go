// GET an API with an account's token. Standard library only; needs VAULT_ADDR and VAULT_TOKEN.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Token is what stands under tokens/<namespace>/<account>.
type Token struct {
	AccessToken string    `json:"access_token"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Transport puts the account's token on requests to one origin, and on no other: a redirect to http:// of the same host gets none.
type Transport struct {
	Secret string // <mount>/data/<prefix>/tokens/<namespace>/<account>
	Origin string // where the token may go: https://api.example.com

	mu    sync.Mutex
	token Token
}

// read gives the cached token until its last minute, or what stands in Vault now; `not` is one that was refused.
func (t *Transport) read(not string) (Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.AccessToken != not && time.Until(t.token.ExpiresAt) > time.Minute {
		return t.token, nil
	}
	request, err := http.NewRequest("GET", os.Getenv("VAULT_ADDR")+"/v1/"+t.Secret, nil)
	if err != nil {
		return Token{}, err
	}
	request.Header.Set("X-Vault-Token", os.Getenv("VAULT_TOKEN"))
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect: Vault's token stays with Vault
	if err != nil {
		return Token{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Token{}, fmt.Errorf("vault: HTTP %d", response.StatusCode)
	}
	var answer struct{ Data struct{ Data Token } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return Token{}, err
	}
	t.token = answer.Data.Data
	return t.token, nil
}

// RoundTrip sends the request with the token; after a 401 once more, if another token stands there by now.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if origin := request.URL.Scheme + "://" + request.URL.Host; origin != t.Origin {
		return nil, fmt.Errorf("the token does not go to %s", origin)
	}
	token, err := t.read("")
	if err != nil {
		return nil, err
	}
	response, err := send(request, token)
	if err != nil || response.StatusCode != http.StatusUnauthorized || request.Body != nil {
		return response, err
	}
	newer, err := t.read(token.AccessToken)
	if err != nil || newer.AccessToken == token.AccessToken {
		return response, nil
	}
	response.Body.Close()
	return send(request, newer)
}

func send(request *http.Request, token Token) (*http.Response, error) {
	with := request.Clone(request.Context())
	with.Header.Set("Authorization", "Bearer "+token.AccessToken)
	return http.DefaultTransport.RoundTrip(with)
}

func main() {
	request, err := http.NewRequest("GET", os.Args[1], nil)
	if err != nil {
		fail(err)
	}
	secret := os.Getenv("TOKEN_SECRET")
	if secret == "" {
		secret = "oauth/data/reconciler/tokens/marketing/drive"
	}
	client := &http.Client{Transport: &Transport{Secret: secret, Origin: os.Getenv("API_ORIGIN")}, Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		fail(err)
	}
	if response.StatusCode >= 300 {
		fail(fmt.Errorf("HTTP %d", response.StatusCode))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "drive:", err)
	os.Exit(1)
}
