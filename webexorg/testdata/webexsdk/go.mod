module webexsdk

go 1.26

require github.com/WebexCommunity/webex-go-sdk/v2 v2.0.18
